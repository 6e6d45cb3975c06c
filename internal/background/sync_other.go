//go:build !linux

package background

import "os"

func sync(f *os.File) error { return f.Sync() }
