package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// ErrNoHistory is about a source tree whose git history does not reach back far
// enough, such as a shallow clone, or that has none.
var ErrNoHistory = errors.New("the commit is not in the git history here")

// ChangedBefore returns the commit before the newest one that changed any of the
// paths, relative to the root of the repository: what ran before that change.
func ChangedBefore(ctx context.Context, paths ...string) (commit string, err error) {
	newest, err := git(ctx, append([]string{"log", "-1", "--format=%H", "HEAD", "--"}, paths...)...)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrNoHistory, err)
	}
	return resolve(ctx, strings.TrimSpace(string(newest))+"^")
}

// resolve returns the commit that a name stands for.
func resolve(ctx context.Context, name string) (string, error) {
	commit, err := git(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", name+"^{commit}")
	if err != nil {
		return "", fmt.Errorf("%w: %s", ErrNoHistory, name)
	}
	return strings.TrimSpace(string(commit)), nil
}

// BuildAt builds the program as it was at a commit or tag and returns its path.
// Remove deletes it.
func BuildAt(ctx context.Context, name string) (path string, err error) {
	commit, err := resolve(ctx, name)
	if err != nil {
		return "", err
	}
	src, err := os.MkdirTemp("", "confab-at-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(src)
	tree, err := git(ctx, "archive", "--format=tar", commit)
	if err != nil {
		return "", err
	}
	//nolint:gosec // A directory of our own.
	untar := exec.CommandContext(ctx, "tar", "-x", "-C", src)
	untar.Stdin = bytes.NewReader(tree)
	if out, err := untar.CombinedOutput(); err != nil {
		return "", fmt.Errorf("tar: %w: %s", err, out)
	}
	return build(src, "./cmd/confab", filepath.Base(src)+"-"+commit[:12])
}

// git runs git at the root of the repository that this process is in.
func git(ctx context.Context, args ...string) ([]byte, error) {
	root, err := gitIn(ctx, "", "rev-parse", "--show-toplevel")
	if err != nil {
		return nil, err
	}
	return gitIn(ctx, strings.TrimSpace(string(root)), args...)
}

func gitIn(ctx context.Context, dir string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "git", args...) //nolint:gosec // What the functions above ask for.
	cmd.Dir = dir
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return nil, fmt.Errorf("git %s: %w: %s", args[0], err, bytes.TrimSpace(exit.Stderr))
	}
	return out, err
}
