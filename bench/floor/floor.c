// floor is the least that a delivery can cost: a server that keeps rooms as
// arrays of sockets and writes ready frames into them, and does nothing else.
// There are no checks, no accounts and no limits; a handshake is answered
// without reading more of it than the room, the path of the request.
//
//   floor ADDRESS PORT write     every message is written to the room at once
//   floor ADDRESS PORT batch     messages of one round of epoll share a write
//   floor ADDRESS PORT pace T    a room is written at most once in T milliseconds: at
//                                once after a quiet spell, else T behind the last write
//
// A text frame of a client goes to everybody in its room, the sender included,
// as one frame of its own in every mode. Frames must arrive whole, as small
// ones do over loopback, however many there are in the socket.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_ROOMS = 4096, MAX_FILES = 1 << 17, INPUT = 8 << 20 };

struct room {
	int *fds;
	int count, capacity;
	uint8_t *out; // frames that are not written yet
	size_t used, size;
	int64_t last; // time of the last write
	int listed;   // in dirty
};

static struct room rooms[MAX_ROOMS];
static int room_of[MAX_FILES]; // by descriptor: the room's index plus one; 0 before the handshake
static int place_of[MAX_FILES];
static struct room *dirty[MAX_ROOMS];
static int dirty_count;
static int64_t pace;
static int batching;

static void fail(const char *what) {
	fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t now_ns(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void write_all(int fd, const uint8_t *p, size_t n) {
	while (n > 0) {
		ssize_t w = write(fd, p, n);
		if (w > 0) {
			p += w;
			n -= w;
		} else if (errno == EAGAIN) {
			poll(&(struct pollfd){fd, POLLOUT, 0}, 1, -1);
		} else {
			return; // The peer is gone; reading will tell.
		}
	}
}

static void flush(struct room *r) {
	for (int i = 0; i < r->count; i++) write_all(r->fds[i], r->out, r->used);
	r->used = 0;
}

// deliver queues a frame for a room, or writes it.
static void deliver(struct room *r, const uint8_t *payload, size_t n) {
	if (r->used + n + 4 > r->size) {
		r->size = 2 * (r->used + n + 4);
		r->out = realloc(r->out, r->size);
		if (!r->out) fail("realloc");
	}
	uint8_t *o = r->out + r->used;
	*o++ = 0x81;
	if (n < 126) {
		*o++ = n;
	} else {
		*o++ = 126;
		*o++ = n >> 8;
		*o++ = n;
	}
	memcpy(o, payload, n);
	r->used = o + n - r->out;
	if (!batching) {
		flush(r);
	} else if (!r->listed) {
		r->listed = 1;
		dirty[dirty_count++] = r;
	}
}

// flush_due writes the rooms whose time has come, and returns for how many
// milliseconds there is nothing to do, -1 for ever.
static int flush_due(void) {
	int64_t now = now_ns(), wait = -1;
	int left = 0;
	for (int i = 0; i < dirty_count; i++) {
		struct room *r = dirty[i];
		int64_t due = r->last + pace - now;
		if (due <= 0) {
			r->last = now;
			r->listed = 0;
			flush(r);
			continue;
		}
		dirty[left++] = r;
		if (wait < 0 || due < wait) wait = due;
	}
	dirty_count = left;
	return wait < 0 ? -1 : (int)(wait / 1000000) + 1;
}

static void leave(int fd) {
	if (room_of[fd]) {
		struct room *r = &rooms[room_of[fd] - 1];
		int last = r->fds[--r->count];
		r->fds[place_of[fd]] = last;
		place_of[last] = place_of[fd];
		room_of[fd] = 0;
	}
	close(fd);
}

static void join(int fd, const char *request) {
	static const char answer[] =
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: \r\n\r\n";
	int n = atoi(request + sizeof "GET /" - 1);
	if (n < 0 || n >= MAX_ROOMS) fail("no such room");
	struct room *r = &rooms[n];
	if (r->count == r->capacity) {
		r->capacity = r->capacity ? 2 * r->capacity : 16;
		r->fds = realloc(r->fds, r->capacity * sizeof *r->fds);
		if (!r->fds) fail("realloc");
	}
	place_of[fd] = r->count;
	r->fds[r->count++] = fd;
	room_of[fd] = n + 1;
	write_all(fd, (const uint8_t *)answer, sizeof answer - 1);
}

static void readable(int fd) {
	static uint8_t in[INPUT + 1];
	ssize_t n = read(fd, in, INPUT);
	if (n < 0 && errno == EAGAIN) return;
	if (n <= 0) {
		leave(fd);
		return;
	}
	if (!room_of[fd]) {
		in[n] = 0;
		join(fd, (const char *)in);
		return;
	}
	for (uint8_t *p = in, *end = in + n; p < end;) {
		uint8_t op = p[0] & 0xf;
		size_t head = 6, length = p[1] & 0x7f;
		if (length == 126) {
			length = p[2] << 8 | p[3];
			head = 8;
		}
		if (p + head + length > end) {
			fprintf(stderr, "floor: a frame did not arrive whole\n");
			exit(1);
		}
		uint8_t *key = p + head - 4, *payload = p + head;
		for (size_t i = 0; i < length; i++) payload[i] ^= key[i & 3];
		if (op == 8) {
			leave(fd);
			return;
		}
		if (op == 1) deliver(&rooms[room_of[fd] - 1], payload, length);
		p += head + length;
	}
}

int main(int argc, char **argv) {
	if (argc < 4) {
		fprintf(stderr, "usage: floor ADDRESS PORT write|batch|pace [T]\n");
		return 2;
	}
	batching = strcmp(argv[3], "write") != 0;
	if (argc > 4) pace = atoll(argv[4]) * 1000000;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[2]))};
	inet_pton(AF_INET, argv[1], &a.sin_addr);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(listener, (struct sockaddr *)&a, sizeof a) || listen(listener, 4096)) fail("listen");
	int ep = epoll_create1(0);
	struct epoll_event ev = {.events = EPOLLIN, .data.fd = listener}, events[256];
	if (ep < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, listener, &ev)) fail("epoll");
	int wait = -1;
	for (;;) {
		int n = epoll_wait(ep, events, 256, wait);
		for (int i = 0; i < n; i++) {
			int fd = events[i].data.fd;
			if (fd != listener) {
				readable(fd);
				continue;
			}
			while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
				if (fd >= MAX_FILES) fail("too many connections");
				setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
				ev = (struct epoll_event){.events = EPOLLIN, .data.fd = fd};
				if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev)) fail("epoll");
			}
		}
		wait = flush_due();
	}
}
