// Package kernel has the two raw interfaces of Linux that golang.org/x/sys leaves
// to its users: io_uring, for sends, and the older asynchronous I/O of
// io_submit(2), for syncs of files. Each is no more than what is used of it, and on
// other systems there is nothing here.
//
// Sends use io_uring because only it takes many system calls at the price of one.
// A send that must not wait is done when the call that submits it returns, so the
// event loops need nothing else of it: no completions to wait for, no buffers to
// keep. The libraries for it bring loops of their own.
//
// Syncs do not use io_uring, although it has an fsync. Container runtimes forbid
// io_uring by default (Docker's seccomp profile since version 25), and allow
// io_submit(2): a sync would be fsync(2) after all in most deployments, and would
// keep its processor from live traffic. Where io_uring is allowed it hands an fsync
// to a thread of the kernel's, which is what io_submit(2) does, so there is nothing
// to be gained from a second way.
package kernel
