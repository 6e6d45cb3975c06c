package pgtest

import "syscall"

// endWithParent has the server shut down when the tests are killed.
func endWithParent(a *syscall.SysProcAttr) { a.Pdeathsig = syscall.SIGQUIT }
