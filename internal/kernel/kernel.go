// Package kernel has the two raw interfaces of Linux that golang.org/x/sys does not
// wrap: io_uring, for sends, and the older asynchronous I/O of io_submit(2), for
// sends where io_uring is forbidden, and for syncs of files. It has only the parts that
// are used. On other systems the package is empty.
//
//	send_linux.go    what both kinds of sends have in common
//	ring_linux.go    sends with io_uring
//	aio_linux.go     what io_submit(2) takes and returns
//	writes_linux.go  sends with io_submit(2)
//	sync_linux.go    syncs with io_submit(2)
//
// Sends use these because they make many system calls at the price of one or two. A
// non-blocking send is complete when the call that submits it returns. So the
// event loops do not wait for completions and do not keep buffers. The libraries for
// io_uring come with loops of their own.
//
// Syncs do not use io_uring, although it has an fsync. Container runtimes forbid
// io_uring by default (Docker's seccomp profile since version 25), and allow
// io_submit(2). With io_uring, most deployments would fall back to fsync(2), which
// blocks a processor that live traffic needs. Where io_uring is allowed, it hands an
// fsync to a kernel thread, as io_submit(2) does, so a second way gains nothing.
package kernel
