//go:build !linux

package doctor

import (
	"context"
	"errors"
	"io/fs"
)

func (m *Machine) clock(context.Context) (Finding, bool) { return nothing() }

func access(string, fs.FileInfo) (problem, fix string) { return "", "" }

func space(string) (bytes, inodes uint64, err error) { return 0, 0, errors.ErrUnsupported }

func (m *Machine) ioURing(context.Context) (Finding, bool) { return nothing() }
