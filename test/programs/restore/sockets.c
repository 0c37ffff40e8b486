// SPDX-License-Identifier: Apache-2.0
/*
 * Listening TCP sockets, bound UDP ones, unix sockets in pairs with something in them, listening and
 * bound by a path. All is checked once, on request. The argument is a directory for the paths.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "../check.h"

#define MUCH 100000

static int tcp4, tcp6, udp, stream[2], packets[2], half[2], listening, bound, fresh;
static struct sockaddr_in address4, address_udp;
static struct sockaddr_in6 address6;
static struct sockaddr_un listening_name = { .sun_family = AF_UNIX };
static struct sockaddr_un bound_name = { .sun_family = AF_UNIX };
static char much[MUCH];

static void set_int(int fd, int level, int name, int value)
{
	CHECK(setsockopt(fd, level, name, &value, sizeof(value)) == 0);
}

static int get_int(int fd, int level, int name)
{
	int value = -1;
	socklen_t length = sizeof(value);

	CHECK(getsockopt(fd, level, name, &value, &length) == 0);
	return value;
}

static void take_name(int fd, void *address, socklen_t length)
{
	CHECK(bind(fd, address, length) == 0);
	CHECK(getsockname(fd, address, &length) == 0);
}

static void set_up_inet(void)
{
	address4.sin_family = address_udp.sin_family = AF_INET;
	address4.sin_addr.s_addr = address_udp.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address6.sin6_family = AF_INET6;
	address6.sin6_addr = in6addr_any;
	tcp4 = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	set_int(tcp4, SOL_SOCKET, SO_REUSEADDR, 1);
	set_int(tcp4, SOL_SOCKET, SO_RCVBUF, 50000);
	set_int(tcp4, IPPROTO_TCP, TCP_KEEPIDLE, 77);
	take_name(tcp4, &address4, sizeof(address4));
	CHECK(listen(tcp4, 17) == 0);
	tcp6 = socket(AF_INET6, SOCK_STREAM, 0);
	set_int(tcp6, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	set_int(tcp6, SOL_SOCKET, SO_REUSEPORT, 1);
	take_name(tcp6, &address6, sizeof(address6));
	CHECK(listen(tcp6, 5) == 0);
	udp = socket(AF_INET, SOCK_DGRAM, 0);
	set_int(udp, SOL_SOCKET, SO_BROADCAST, 1);
	take_name(udp, &address_udp, sizeof(address_udp));
	fresh = socket(AF_INET, SOCK_STREAM, 0);
	set_int(fresh, IPPROTO_TCP, TCP_NODELAY, 1);
}

static void set_up_unix(const char *directory)
{
	int sender = socket(AF_UNIX, SOCK_DGRAM, 0);

	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, stream) == 0);
	memset(much, 'm', MUCH);
	CHECK(write(stream[0], much, MUCH) == MUCH && write(stream[0], "end", 3) == 3);
	CHECK(write(stream[1], "back", 4) == 4 && shutdown(stream[1], SHUT_WR) == 0);
	CHECK(dup2(stream[1], 88) == 88);
	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, packets) == 0);
	set_int(packets[1], SOL_SOCKET, SO_PASSCRED, 1);
	CHECK(send(packets[0], "one", 3, 0) == 3 && send(packets[0], "second", 6, 0) == 6);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, half) == 0);
	CHECK(write(half[1], "last", 4) == 4 && close(half[1]) == 0);
	snprintf(listening_name.sun_path, sizeof(listening_name.sun_path), "%s/listening", directory);
	listening = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(bind(listening, (void *)&listening_name, sizeof(listening_name)) == 0);
	CHECK(chmod(listening_name.sun_path, 0640) == 0 && listen(listening, 3) == 0);
	snprintf(bound_name.sun_path + 1, sizeof(bound_name.sun_path) - 1, "%s/bound", directory);
	bound = socket(AF_UNIX, SOCK_DGRAM, 0);
	CHECK(bind(bound, (void *)&bound_name, sizeof(bound_name)) == 0);
	CHECK(sendto(sender, "to me", 5, 0, (void *)&bound_name, sizeof(bound_name)) == 5);
	CHECK(sendto(sender, "", 0, 0, (void *)&bound_name, sizeof(bound_name)) == 0);
	CHECK(sendto(sender, "again", 5, 0, (void *)&bound_name, sizeof(bound_name)) == 5);
	close(sender);
}

static int backlog(int fd)
{
	struct tcp_info info;
	socklen_t length = sizeof(info);

	CHECK(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0);
	return info.tcpi_sacked;
}

static void connect_to(int fd, const void *address, int domain, socklen_t length)
{
	int client = socket(domain, SOCK_STREAM, 0), served;
	char byte = 0;

	CHECK(connect(client, address, length) == 0);
	CHECK((served = accept(fd, NULL, NULL)) >= 0);
	CHECK(write(client, "x", 1) == 1 && read(served, &byte, 1) == 1 && byte == 'x');
	close(client);
	close(served);
}

static void check_inet(void)
{
	char bytes[8];

	CHECK(fcntl(tcp4, F_GETFL) & O_NONBLOCK && fcntl(tcp4, F_GETFD) == FD_CLOEXEC);
	CHECK(get_int(tcp4, SOL_SOCKET, SO_REUSEADDR) == 1);
	CHECK(get_int(tcp4, SOL_SOCKET, SO_RCVBUF) == 100000);
	CHECK(get_int(tcp4, IPPROTO_TCP, TCP_KEEPIDLE) == 77);
	CHECK(backlog(tcp4) == 17 && backlog(tcp6) == 5);
	CHECK(get_int(tcp6, IPPROTO_IPV6, IPV6_V6ONLY) == 1);
	CHECK(get_int(tcp6, SOL_SOCKET, SO_REUSEPORT) == 1);
	CHECK(get_int(udp, SOL_SOCKET, SO_BROADCAST) == 1);
	CHECK(get_int(fresh, IPPROTO_TCP, TCP_NODELAY) == 1);
	connect_to(tcp4, &address4, AF_INET, sizeof(address4));
	connect_to(tcp6, &address6, AF_INET6, sizeof(address6));
	CHECK(sendto(udp, "self", 4, 0, (void *)&address_udp, sizeof(address_udp)) == 4);
	CHECK(recv(udp, bytes, sizeof(bytes), 0) == 4 && memcmp(bytes, "self", 4) == 0);
}

static void check_unix(void)
{
	char bytes[8];
	struct stat file;

	CHECK(read(stream[1], much, 10) == 10 && read(88, much, MUCH) == MUCH - 7);
	CHECK(memcmp(much + MUCH - 10, "end", 3) == 0 && much[0] == 'm');
	CHECK(read(88, bytes, 1) == -1 && errno == EAGAIN);
	CHECK(read(stream[0], bytes, 8) == 4 && read(stream[0], bytes, 8) == 0);
	CHECK(write(stream[0], "more", 4) == 4 && read(stream[1], bytes, 8) == 4);
	CHECK(get_int(packets[1], SOL_SOCKET, SO_PASSCRED) == 1);
	CHECK(recv(packets[1], bytes, 8, 0) == 3 && recv(packets[1], bytes, 8, 0) == 6);
	CHECK(read(half[0], bytes, 8) == 4 && memcmp(bytes, "last", 4) == 0);
	CHECK(read(half[0], bytes, 8) == 0);
	CHECK(stat(listening_name.sun_path, &file) == 0 && (file.st_mode & 07777) == 0640);
	connect_to(listening, &listening_name, AF_UNIX, sizeof(listening_name));
	CHECK(recv(bound, bytes, 8, MSG_DONTWAIT) == 5 && memcmp(bytes, "to me", 5) == 0);
	CHECK(recv(bound, bytes, 8, MSG_DONTWAIT) == 0);
	CHECK(recv(bound, bytes, 8, MSG_DONTWAIT) == 5 && memcmp(bytes, "again", 5) == 0);
	CHECK(recv(bound, bytes, 8, MSG_DONTWAIT) == -1 && errno == EAGAIN);
}

int main(int argc, char **argv)
{
	char line[64];

	setvbuf(stdout, NULL, _IONBF, 0);
	CHECK(argc == 2);
	set_up_inet();
	set_up_unix(argv[1]);
	puts("ready");
	if (fgets(line, sizeof(line), stdin)) {
		check_inet();
		check_unix();
		puts("right");
	}
	return 0;
}
