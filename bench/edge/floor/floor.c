/*
 * The floor under every server: answers each request with the bytes of a file and
 * does nothing else. It looks for where requests end, and at nothing in them.
 *
 *   floor FILE keep    answers on connections for as long as they are open
 *   floor FILE close   answers one request on each, and closes it
 *
 * It prints the port of 127.0.0.1 that it listens at, and runs until it is killed.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_FDS = 65536, COPIES = 16 };

struct conn {
	size_t owed;  /* bytes that have yet to be sent */
	int matched;  /* of the four bytes that end a request's head */
	int waiting;  /* for room to send, rather than for requests */
};

static struct conn conns[MAX_FDS];
static char *answers; /* the answer, COPIES times: pipelined requests get theirs at once */
static size_t length; /* of one */
static int once;      /* close after one answer */
static int events_fd;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void load(const char *file)
{
	FILE *f = fopen(file, "rb");
	if (!f || fseek(f, 0, SEEK_END) != 0)
		die(file);
	length = (size_t)ftell(f);
	rewind(f);
	answers = malloc(length * COPIES);
	if (!answers || fread(answers, 1, length, f) != length)
		die(file);
	fclose(f);
	for (int i = 1; i < COPIES; i++)
		memcpy(answers + (size_t)i * length, answers, length);
}

static void watch(int operation, int fd, unsigned what)
{
	struct epoll_event e = { .events = what, .data.fd = fd };
	if (epoll_ctl(events_fd, operation, fd, &e) != 0)
		die("epoll_ctl");
}

/* Counts the requests that end in what was read: at an empty line. */
static size_t requests(struct conn *c, const char *at, const char *end)
{
	static const char ending[4] = "\r\n\r\n";
	size_t count = 0;
	for (; at < end; at++) {
		if (*at == ending[c->matched])
			c->matched++;
		else
			c->matched = *at == '\r';
		if (c->matched == 4) {
			c->matched = 0;
			count++;
		}
	}
	return count;
}

/* Sends what is owed. Returns whether the connection stays open. */
static int pay(int fd, struct conn *c)
{
	while (c->owed > 0) {
		size_t from = (length - c->owed % length) % length;
		size_t most = length * COPIES - from;
		ssize_t sent = send(fd, answers + from, c->owed < most ? c->owed : most, MSG_NOSIGNAL);
		if (sent < 0 && errno == EAGAIN) {
			if (!c->waiting)
				watch(EPOLL_CTL_MOD, fd, EPOLLOUT);
			c->waiting = 1;
			return 1;
		}
		if (sent < 0)
			return 0;
		c->owed -= (size_t)sent;
	}
	if (c->waiting)
		watch(EPOLL_CTL_MOD, fd, EPOLLIN);
	c->waiting = 0;
	return !once;
}

/* Reads requests and answers them. Returns whether the connection stays open. */
static int serve(int fd, struct conn *c)
{
	char in[16384];
	if (!c->waiting) {
		ssize_t got = read(fd, in, sizeof in);
		if (got < 0 && errno == EAGAIN)
			return 1;
		if (got <= 0)
			return 0;
		c->owed += length * requests(c, in, in + got);
		if (c->owed == 0)
			return 1;
	}
	return pay(fd, c);
}

static void admit(int listener)
{
	int fd;
	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		if (fd >= MAX_FDS) {
			close(fd);
			continue;
		}
		int on = 1;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		memset(&conns[fd], 0, sizeof conns[fd]);
		watch(EPOLL_CTL_ADD, fd, EPOLLIN);
	}
}

static int listen_somewhere(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, size) != 0 || listen(fd, 4096) != 0 ||
	    getsockname(fd, (struct sockaddr *)&at, &size) != 0)
		die("listen");
	printf("%d\n", ntohs(at.sin_port));
	fflush(stdout);
	return fd;
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: floor FILE keep|close\n");
		return 2;
	}
	load(argv[1]);
	once = strcmp(argv[2], "close") == 0;
	if ((events_fd = epoll_create1(EPOLL_CLOEXEC)) < 0)
		die("epoll_create1");
	int listener = listen_somewhere();
	watch(EPOLL_CTL_ADD, listener, EPOLLIN);
	for (;;) {
		struct epoll_event ready[256];
		int n = epoll_wait(events_fd, ready, 256, -1);
		for (int i = 0; i < n; i++) {
			int fd = ready[i].data.fd;
			if (fd == listener)
				admit(fd);
			else if (!serve(fd, &conns[fd]))
				close(fd);
		}
	}
}
