/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clients of an HTTP server on a port of 127.0.0.1 that know what they have to get:
 * http_load PORT CLIENTS MICROSECONDS
 *
 * Each client asks, in turn, for the text that it sends, for files, and for files
 * through a second server behind the first one, and compares every byte. Every
 * second client makes a connection for each request, the others one for some
 * requests. Between two requests a client thinks. A connection that the server has closed between two requests is no
 * failure: the request is made again. A line of input is answered by
 *
 *   REQUESTS SERVED FAILED AGAIN
 *
 * where SERVED counts one that went through the second server twice; `p` first waits
 * until all clients stand, which `g` ends, and `q` until they have ended.
 *
 * `http_load file N` writes the file number N to standard output.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define NR_FILES 8
#define MAX_BODY 300000
#define MAX_HEAD 2000
#define PER_CONNECTION 20
#define BOUND_SECONDS 900 /* on one answer */
#define MAX_SHOWN 8 /* failures that are told */

static int port, think_us;
static char files[NR_FILES][MAX_BODY];
static atomic_ulong nr_requests, nr_served, nr_failed, nr_again;

/* protects nr_standing, is_paused and is_ending */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int nr_standing, is_paused, is_ending;

struct client {
	pthread_t thread;
	int number, fd;
	int is_used; /* the connection has had an answer */
	int keeps; /* connections, for some requests */
	char head[MAX_HEAD + 1], text[MAX_HEAD];
	char body[MAX_BODY];
	const char *expected;
	size_t nr_head, nr_body, nr_expected;
};

enum outcome { SERVED, CLOSED, FAILED };

static size_t file_size(unsigned int number)
{
	return 100 + number * number * 5000;
}

static void fill_files(void)
{
	for (unsigned int number = 0; number < NR_FILES; number++)
		for (size_t at = 0; at < file_size(number); at++)
			files[number][at] =
				'a' + (at * 7 + at / 26 * (number + 3)) % 26;
}

/* Return: FAILED, having told why. */
static enum outcome fail(struct client *client, const char *format, ...)
{
	va_list args;

	if (atomic_fetch_add(&nr_failed, 1) < MAX_SHOWN) {
		fprintf(stderr, "client %d: ", client->number);
		va_start(args, format);
		vfprintf(stderr, format, args);
		va_end(args);
		fputc('\n', stderr);
	}
	return FAILED;
}

static enum outcome open_connection(struct client *client)
{
	struct timeval bound = {.tv_sec = BOUND_SECONDS};
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};

	client->is_used = 0;
	client->fd = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &bound, sizeof(bound));
	setsockopt(client->fd, SOL_SOCKET, SO_SNDTIMEO, &bound, sizeof(bound));
	if (connect(client->fd, (struct sockaddr *)&address, sizeof(address)))
		return fail(client, "connect: %s", strerror(errno));
	return SERVED;
}

static void close_connection(struct client *client)
{
	if (client->fd >= 0)
		close(client->fd);
	client->fd = -1;
}

/* Reads up to the end of the head, and what has come of the body. */
static enum outcome read_head(struct client *client)
{
	char *end = NULL;

	client->nr_head = 0;
	while (!end) {
		ssize_t got = recv(client->fd, client->head + client->nr_head,
				   MAX_HEAD - client->nr_head, 0);

		if (got <= 0 && client->is_used && client->nr_head == 0 &&
		    (got == 0 || errno == ECONNRESET))
			return CLOSED;
		if (got <= 0)
			return fail(client, "end after %zu bytes of a head: %s",
				    client->nr_head,
				    got ? strerror(errno) : "end of file");
		client->nr_head += got;
		client->head[client->nr_head] = 0;
		end = strstr(client->head, "\r\n\r\n");
		if (!end && client->nr_head == MAX_HEAD)
			return fail(client, "a head without end");
	}
	client->nr_body = client->head + client->nr_head - (end + 4);
	memcpy(client->body, end + 4, client->nr_body);
	*end = 0;
	return SERVED;
}

static enum outcome read_body(struct client *client, const char *path)
{
	const char *length = strstr(client->head, "Content-Length: ");
	size_t size = length ? strtoul(length + 16, NULL, 10) : 0;

	if (strncmp(client->head, "HTTP/1.1 200 ", 13) || !length)
		return fail(client, "%s: %s", path, client->head);
	if (size != client->nr_expected || client->nr_body > size)
		return fail(client, "%s: %zu bytes instead of %zu", path, size,
			    client->nr_expected);
	while (client->nr_body < size) {
		ssize_t got = recv(client->fd, client->body + client->nr_body,
				   size - client->nr_body, 0);

		if (got <= 0)
			return fail(client, "%s: %zu bytes of %zu: %s", path,
				    client->nr_body, size,
				    got ? strerror(errno) : "end of file");
		client->nr_body += got;
	}
	if (memcmp(client->body, client->expected, size) != 0)
		return fail(client, "%s: wrong bytes", path);
	return SERVED;
}

/* What the request of this number is for, and what its answer has to be. */
static int choose(struct client *client, unsigned long number, char *path)
{
	unsigned int file = number / 3 % NR_FILES;

	if (number % 3 == 0) {
		unsigned int salt = number * 2654435761u;

		sprintf(path, "/echo?text=%d-%lu-%x", client->number, number,
			salt);
		client->expected = client->text;
		client->nr_expected =
			sprintf(client->text, "%s\n", strchr(path, '=') + 1);
		return 1;
	}
	sprintf(path, "/%s/%u", number % 3 == 1 ? "file" : "behind", file);
	client->expected = files[file];
	client->nr_expected = file_size(file);
	return number % 3 == 1 ? 1 : 2;
}

static enum outcome ask(struct client *client, const char *path)
{
	char request[300];
	int nr = sprintf(request,
			 "GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", path,
			 client->keeps ? "" : "Connection: close\r\n");
	enum outcome outcome;

	if (send(client->fd, request, nr, MSG_NOSIGNAL) != nr)
		return client->is_used ?
			       CLOSED :
			       fail(client, "send: %s", strerror(errno));
	outcome = read_head(client);
	if (outcome == SERVED)
		outcome = read_body(client, path);
	client->is_used = 1;
	return outcome;
}

/* Makes one request, twice where the server closes the connection in between. */
static void serve(struct client *client, unsigned long number)
{
	enum outcome outcome = SERVED;
	char path[200];
	int nr_servers = choose(client, number, path);

	do {
		if (outcome == CLOSED)
			atomic_fetch_add(&nr_again, 1);
		if (client->fd < 0 && open_connection(client) == FAILED)
			break;
		outcome = ask(client, path);
		if (outcome != SERVED || !client->keeps ||
		    number % PER_CONNECTION == 0 ||
		    strstr(client->head, "\r\nConnection: close"))
			close_connection(client);
	} while (outcome == CLOSED);
	atomic_fetch_add(&nr_requests, 1);
	atomic_fetch_add(&nr_served, nr_servers);
}

/* Return: whether to go on. Stands meanwhile if that is wanted. */
static int may_go_on(void)
{
	int may;

	pthread_mutex_lock(&lock);
	nr_standing++;
	pthread_cond_broadcast(&changed);
	while (is_paused && !is_ending)
		pthread_cond_wait(&changed, &lock);
	may = !is_ending;
	/* One that has ended stands for good. */
	if (may)
		nr_standing--;
	pthread_mutex_unlock(&lock);
	return may;
}

static void *run_client(void *argument)
{
	struct client *client = argument;

	for (unsigned long number = client->number; may_go_on(); number++) {
		serve(client, number);
		usleep(think_us);
	}
	close_connection(client);
	return NULL;
}

static void obey(char command, int nr_clients)
{
	pthread_mutex_lock(&lock);
	if (command == 'p')
		is_paused = 1;
	else if (command == 'g')
		is_paused = 0;
	else if (command == 'q')
		is_ending = 1;
	pthread_cond_broadcast(&changed);
	while ((is_paused || is_ending) && nr_standing < nr_clients)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
	printf("%lu %lu %lu %lu\n", nr_requests, nr_served, nr_failed,
	       nr_again);
	fflush(stdout);
}

static int print_file(unsigned int number)
{
	if (number >= NR_FILES)
		return 2;
	fwrite(files[number], 1, file_size(number), stdout);
	return fflush(stdout) ? 1 : 0;
}

static int start_clients(int nr_clients)
{
	struct client *clients = calloc(nr_clients, sizeof(*clients));

	for (int i = 0; clients && i < nr_clients; i++) {
		struct client *client = &clients[i];

		client->number = i;
		client->fd = -1;
		client->keeps = i % 2;
		if (pthread_create(&client->thread, NULL, run_client, client))
			return -1;
	}
	return clients ? 0 : -1;
}

int main(int argc, char **argv)
{
	int nr_clients = argc == 4 ? atoi(argv[2]) : 0;
	char line[80];

	fill_files();
	if (argc == 3 && strcmp(argv[1], "file") == 0)
		return print_file(atoi(argv[2]));
	if (nr_clients <= 0) {
		fputs("usage: http_load PORT CLIENTS MICROSECONDS | file N\n",
		      stderr);
		return 2;
	}
	port = atoi(argv[1]);
	think_us = atoi(argv[3]);
	if (start_clients(nr_clients))
		return 1;
	puts("ready");
	fflush(stdout);
	while (!is_ending && fgets(line, sizeof(line), stdin))
		obey(line[0], nr_clients);
	return 0;
}
