// Confab is Amazon IVS Chat on your own machines.
package main

import (
	"os"
	"os/signal"
	"syscall"

	"confab/internal/cli"
)

func main() {
	// Go ends a process that writes to standard output or error after the reader has
	// left, unless it asks for the signal. It is not ignored, which programs that
	// this one starts would inherit.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	os.Exit(cli.Run(os.Args[1:], cli.Environment{
		Variables: os.Environ(), In: os.Stdin, Out: os.Stdout, Err: os.Stderr,
	}))
}
