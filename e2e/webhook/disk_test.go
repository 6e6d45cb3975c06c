//go:build linux

package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"

	"confab/internal/testbed/process"
	"confab/internal/testbed/receiver"
	"confab/internal/webhookops"
)

// smallDisk is a small file system in memory, in a mount namespace that is kept by a process
// of its own. Users other than root may make it as well.
type smallDisk struct {
	dir    string // in the namespace
	holder string // its process id
}

func newSmallDisk(t *testing.T, size string) *smallDisk {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "unshare", "-rm", "true").CombinedOutput(); err != nil {
		t.Skipf("this machine does not allow user namespaces, so there is no small disk: %v: %s", err, out)
	}
	d := &smallDisk{dir: t.TempDir()}
	cmd := exec.CommandContext(t.Context(), "unshare", "-rm", "sh", "-c",
		`mount -t tmpfs -o mode=700,size=`+size+` confab-webhook "$0" && echo mounted && read end`, d.dir)
	holder := process.StartChild(t, cmd)
	if line := holder.Line(t); line != "mounted" {
		t.Fatalf("no small disk: %q", line)
	}
	d.holder = strconv.Itoa(cmd.Process.Pid)
	return d
}

// options has a server keep its data there.
func (d *smallDisk) options() process.Options {
	return process.Options{DataDir: d.dir, Args: local, Through: []string{"nsenter", "--preserve-credentials", "--user", "--mount", "--target", d.holder}}
}

// filler is the path, from outside, of the file that fills the disk.
func (d *smallDisk) filler() string { return filepath.Join("/proc", d.holder, "root", d.dir, "filler") }

// fill leaves no byte free.
func (d *smallDisk) fill() error {
	f, err := os.OpenFile(d.filler(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	for block := 1 << 20; block > 0; {
		if _, err := f.Write(bytes.Repeat([]byte{1}, block)); errors.Is(err, syscall.ENOSPC) {
			block /= 2
		} else if err != nil {
			return err
		}
	}
	return nil
}

// TestDiskFull fills the disk of the server's database twice while messages are sent, and kills the
// server after there is room again. Every message that was confirmed is told, also of the
// time without room, and those of each room in their order.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	disk := newSmallDisk(t, "24m")
	s := process.Serve(t, disk.options())
	r := receiver.Start(t, false)
	r.Answer(func(n int, _ *receiver.Call) int {
		if n%7 == 0 {
			return http.StatusServiceUnavailable
		}
		return http.StatusOK
	})
	rooms := []string{newRoom(t, s), newRoom(t, s)}
	hook := newHook(t, s, r.URL, webhookops.CreateWebhookInput{RoomIdentifiers: rooms})
	r.Verify(t, *hook.Secret)
	confirmed := make([][]string, len(rooms))
	refused := 0
	// say sends n messages to each room. Without room, one may be refused.
	say := func(n int, may bool) {
		t.Helper()
		var all sync.WaitGroup
		var mu sync.Mutex
		for i, room := range rooms {
			all.Go(func() {
				for range n {
					id, err := send(t.Context(), s, room, "ann", fmt.Sprint(len(confirmed[i])))
					if err == nil {
						confirmed[i] = append(confirmed[i], id)
						continue
					}
					mu.Lock()
					refused++
					mu.Unlock()
					if !may {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
	}
	update := func(ctx context.Context, name string) error {
		_, err := s.API().UpdateRoom(ctx, &ivschat.UpdateRoomInput{Identifier: &rooms[0], Name: aws.String(name)})
		return err
	}
	const each = 40
	say(each, false)
	for round := range 2 {
		if err := disk.fill(); err != nil {
			t.Fatal(err)
		}
		// What has space in the files that are there may still be written.
		for end, i := time.Now().Add(time.Minute), 0; update(t.Context(), fmt.Sprintf("%d.%d", round, i)) == nil; i++ {
			if err := disk.fill(); err != nil {
				t.Fatal(err)
			}
			if time.Now().After(end) {
				t.Fatal("the disk is not full")
			}
		}
		say(each, true)
		for end := time.Now().Add(time.Minute); strings.Count(s.Log(), "Transcript not written") <= round; say(1, true) {
			if time.Now().After(end) {
				t.Fatal("events are still written")
			}
		}
		if err := os.Remove(disk.filler()); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(time.Minute); update(t.Context(), "again") != nil; time.Sleep(50 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("the server does not write after there is room again")
			}
		}
		say(each, false)
	}
	place := map[string]int{}
	told := func() bool {
		events, _ := r.Events()
		for i, e := range events {
			place[e.ID] = i
		}
		return !slices.ContainsFunc(slices.Concat(confirmed...), func(id string) bool { _, told := place[id]; return !told })
	}
	r.Wait(t, "all that was confirmed", told)
	_, before := r.Events()
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	s = process.Serve(t, disk.options())
	say(1, false)
	r.Wait(t, "what came after the kill", told)
	for i, ids := range confirmed {
		if !slices.IsSortedFunc(ids, func(a, b string) int { return place[a] - place[b] }) {
			t.Errorf("the messages of room %d came out of order", i)
		}
		if len(ids) < 3*each {
			t.Errorf("of room %d only %d messages were confirmed", i, len(ids))
		}
	}
	_, after := r.Events()
	t.Logf("%d messages confirmed, all told; %d refused without room; %d events came again before the kill, %d after it",
		len(confirmed[0])+len(confirmed[1]), refused, before, after-before)
}
