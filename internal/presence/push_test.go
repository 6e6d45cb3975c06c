package presence_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"confab/internal/chat"
)

func wantTold(t *testing.T, n *node, want ...string) {
	t.Helper()
	if d := cmp.Diff(want, n.told()); d != "" {
		t.Errorf("%s told (want, got): %s", n.name, d)
	}
}

// after lets time pass and the Services work.
func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestPush(t *testing.T) {
	for name, test := range map[string]func(t *testing.T, n *node){
		"a new connection is told at once": func(t *testing.T, n *node) {
			for i, want := range []string{"VIEWERS 1/1", "VIEWERS 2/2"} {
				if got := n.join(fmt.Sprint("user", i)); got != want {
					t.Errorf("got %s, want %s", got, want)
				}
			}
			if got := n.join("user0"); got != "VIEWERS 2/3" {
				t.Errorf("a second connection: %s", got)
			}
		},
		"the only connection is not told twice": func(t *testing.T, n *node) {
			n.join("ann")
			after(time.Minute)
			wantTold(t, n)
		},
		"all are told of a change, once in the interval": func(t *testing.T, n *node) {
			n.join("ann")
			n.join("bob")
			after(2100 * time.Millisecond)
			wantTold(t, n, "VIEWERS 2/2")
			n.join("eve")
			after(2 * time.Second)
			wantTold(t, n)
			n.join("joe")
			after(3 * time.Second)
			wantTold(t, n, "VIEWERS 4/4")
			n.leave("eve")
			after(4 * time.Second)
			wantTold(t, n)
			after(time.Second)
			wantTold(t, n, "VIEWERS 3/3")
			after(time.Minute)
			wantTold(t, n)
		},
		"a user who comes back within the grace never left": func(t *testing.T, n *node) {
			n.join("ann")
			n.join("bob")
			after(time.Minute)
			n.told()
			n.leave("bob")
			after(1900 * time.Millisecond)
			n.join("bob")
			after(time.Minute)
			wantTold(t, n)
		},
		"a connection that was told of a user who had just left is told again": func(t *testing.T, n *node) {
			n.join("ann")
			n.join("bob")
			after(time.Minute)
			n.told()
			n.leave("bob")
			after(500 * time.Millisecond)
			if got := n.join("eve"); got != "VIEWERS 3/2" {
				t.Error(got)
			}
			after(time.Minute)
			wantTold(t, n, "VIEWERS 2/2")
		},
		"a refresh is no change": func(t *testing.T, n *node) {
			n.join("ann")
			n.join("bob")
			after(time.Minute)
			n.told()
			if got := n.join("bob"); got != "VIEWERS 2/3" {
				t.Error(got)
			}
			n.leave("bob")
			after(time.Minute)
			wantTold(t, n)
		},
		"a user who leaves often is counted right": func(t *testing.T, n *node) {
			n.join("ann")
			for range 50 {
				n.join("bob")
				n.leave("bob")
				after(300 * time.Millisecond)
			}
			n.told()
			after(10 * time.Second)
			wantTold(t, n, "VIEWERS 1/1")
			n.join("bob")
			after(10 * time.Second)
			wantTold(t, n, "VIEWERS 2/2")
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, newNodes(t, 1, chat.PresenceCount)[0]) })
		})
	}
}

func TestFull(t *testing.T) {
	for name, test := range map[string]func(t *testing.T, n *node){
		"who comes and who leaves is told": func(t *testing.T, n *node) {
			n.join("ann")
			n.join("bob")
			after(3 * time.Second)
			wantTold(t, n, "VIEWERS 2/2", "JOINED 2 [ann bob]")
			n.leave("bob")
			after(5 * time.Second)
			wantTold(t, n, "VIEWERS 1/1")
			after(4900 * time.Millisecond)
			wantTold(t, n)
			after(5 * time.Second)
			wantTold(t, n, "LEFT 1 [bob]")
		},
		"a user who comes back within ten seconds is not told": func(t *testing.T, n *node) {
			n.join("ann")
			n.join("bob")
			after(3 * time.Second)
			n.told()
			n.leave("bob")
			after(9 * time.Second)
			wantTold(t, n, "VIEWERS 1/1")
			n.join("bob")
			after(time.Minute)
			wantTold(t, n, "VIEWERS 2/2")
		},
		"at most 100 are named": func(t *testing.T, n *node) {
			for i := range 250 {
				n.join(fmt.Sprintf("user%03d", i))
			}
			after(3 * time.Second)
			told := n.told()
			if len(told) != 2 || len(told[1]) != len("JOINED 250 []")+100*8-1 || told[1][:10] != "JOINED 250" {
				t.Errorf("told %v", told)
			}
		},
		"above 1,000 users it stops, and begins again below": func(t *testing.T, n *node) {
			for i := range 1001 {
				n.join(fmt.Sprint("user", i))
			}
			after(20 * time.Second)
			wantTold(t, n, "VIEWERS 1001/1001")
			n.leave("user7")
			after(20 * time.Second)
			wantTold(t, n, "VIEWERS 1000/1000")
			n.leave("user8")
			after(20 * time.Second)
			wantTold(t, n, "VIEWERS 999/999", "LEFT 1 [user8]")
			n.join("ann")
			after(20 * time.Second)
			wantTold(t, n, "VIEWERS 1000/1000", "JOINED 1 [ann]")
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, newNodes(t, 1, chat.PresenceFull)[0]) })
		})
	}
}

func TestNodes(t *testing.T) {
	for name, test := range map[string]func(t *testing.T, n []*node){
		"a new connection is told of all nodes": func(t *testing.T, n []*node) {
			n[0].join("ann")
			n[1].join("bob")
			if got := n[2].join("eve"); got != "VIEWERS 3/3" {
				t.Error(got)
			}
			if got := n[2].join("ann"); got != "VIEWERS 3/4" {
				t.Errorf("a user of two nodes: %s", got)
			}
		},
		"all nodes push the same count": func(t *testing.T, n []*node) {
			n[0].join("ann")
			n[1].join("bob")
			n[2].join("eve")
			after(20 * time.Second)
			wantTold(t, n[2]) // Its only connection was told so at once.
			for _, one := range n[:2] {
				if told := one.told(); len(told) == 0 || told[len(told)-1] != "VIEWERS 3/3" {
					t.Errorf("%s told %v", one.name, told)
				}
			}
			n[1].leave("bob")
			after(20 * time.Second)
			wantTold(t, n[0], "VIEWERS 2/2")
			wantTold(t, n[1])
			wantTold(t, n[2], "VIEWERS 2/2")
		},
		"a refresh on another node is no change": func(t *testing.T, n []*node) {
			n[0].join("ann")
			n[1].join("bob")
			n[2].join("eve")
			n[0].join("roamer")
			after(20 * time.Second)
			for _, one := range n {
				one.told()
			}
			for i := range 100 {
				n[(i+1)%3].join("roamer")
				after(10 * time.Millisecond)
				n[i%3].leave("roamer")
				after(690 * time.Millisecond)
			}
			for _, one := range n {
				for _, told := range one.told() {
					if !strings.HasPrefix(told, "VIEWERS 4/") {
						t.Errorf("%s told %s", one.name, told)
					}
				}
			}
		},
		"a node that dies takes its users along": func(t *testing.T, n []*node) {
			n[0].join("ann")
			n[1].join("bob")
			n[1].join("ann")
			after(20 * time.Second)
			n[0].told()
			for _, one := range n {
				one.others.Store(&[]*node{n[0], n[2]})
			}
			after(8 * time.Second)
			wantTold(t, n[0], "VIEWERS 1/1")
		},
		"a node that does not answer for a moment keeps its users": func(t *testing.T, n []*node) {
			n[0].join("ann")
			n[1].join("bob")
			after(20 * time.Second)
			n[0].told()
			n[1].silent.Store(true)
			after(3 * time.Second)
			n[1].silent.Store(false)
			after(20 * time.Second)
			wantTold(t, n[0])
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, newNodes(t, 3, chat.PresenceCount)) })
		})
	}
	synctest.Test(t, func(t *testing.T) {
		n := newNodes(t, 3, chat.PresenceFull)
		n[0].join("ann")
		n[1].join("bob")
		after(20 * time.Second)
		n[0].told()
		n[1].told()
		n[2].join("eve") // Of whom all are told, and eve is not told of those who were there.
		after(20 * time.Second)
		wantTold(t, n[0], "VIEWERS 3/3", "JOINED 1 [eve]")
		wantTold(t, n[1], "VIEWERS 3/3", "JOINED 1 [eve]")
		wantTold(t, n[2], "JOINED 1 [eve]")
		n[1].leave("bob")
		after(30 * time.Second)
		wantTold(t, n[0], "VIEWERS 2/2", "LEFT 1 [bob]")
		wantTold(t, n[2], "VIEWERS 2/2", "LEFT 1 [bob]")
	})
}
