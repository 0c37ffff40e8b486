/* signals: counts each SIGRTMIN it gets. Commands: count. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static volatile sig_atomic_t count;

static void on_signal(int signal)
{
	(void)signal;
	count++;
}

int main(void)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	char line[64];

	sigaction(SIGRTMIN, &action, NULL);
	setlinebuf(stdout);
	puts("ready");
	while (fgets(line, sizeof(line), stdin))
		printf("%d\n", (int)count);
	return 0;
}
