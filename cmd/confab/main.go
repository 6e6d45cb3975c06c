// Confab is Amazon IVS Chat on your own machines.
package main

import (
	"os"

	"confab/internal/cli"
)

func main() {
	os.Exit(cli.Run(os.Args[1:], cli.Environment{
		Variables: os.Environ(), In: os.Stdin, Out: os.Stdout, Err: os.Stderr,
	}))
}
