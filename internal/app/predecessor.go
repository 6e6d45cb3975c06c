package app

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"

	"confab/internal/front"
	"confab/internal/sqldb"
)

// Predecessor is the server that started this process to hand over to it. It is nil
// if there is none.
type Predecessor struct{ link *link }

// FindPredecessor returns the predecessor of this process, or nil. It must be called
// once.
func FindPredecessor() *Predecessor {
	file := front.Link(os.LookupEnv)
	if file == nil {
		return nil
	}
	return &Predecessor{link: newLink(file)}
}

// Failed tells the predecessor that this process ends because of err. It does nothing
// on a nil Predecessor.
func (p *Predecessor) Failed(err error) {
	if p != nil && err != nil {
		p.tell(lineFailed + oneLine(err))
	}
}

// tell sends a line to the predecessor. After lineServing it sends nothing more.
func (p *Predecessor) tell(line string) {
	if p == nil || p.link == nil {
		return
	}
	p.link.tell(line)
	if line == lineServing {
		p.link.Close()
		p.link = nil
	}
}

// prepare does what can be done while the predecessor serves, and waits until it has
// stopped. Two servers may have a PostgreSQL open at the same time, but not SQLite.
func (s *Server) prepare(ctx context.Context, data *opening) (err error) {
	if err := s.checkCluster(); err != nil {
		return err
	}
	if err := data.check(ctx); err != nil {
		return err
	}
	if sqldb.IsPostgres(s.cfg.Database) {
		if s.db, s.ring, err = data.open(ctx); err != nil {
			return err
		}
	}
	s.predecessor.tell(linePrepared)
	for {
		select {
		case line := <-s.predecessor.link.lines:
			s.accept()
			if line == lineAccept {
				continue
			}
			return nil // lineTake, or the predecessor has ended.
		case <-ctx.Done():
			return fmt.Errorf("wait for the server before this one: %w", ctx.Err())
		}
	}
}

// checkCluster checks the secret and the certificate between nodes.
func (s *Server) checkCluster() error {
	if !s.cfg.Clustered() {
		return nil
	}
	if _, err := s.cfg.ClusterKey(); err != nil {
		return err
	}
	_, err := clusterTLS(s.cfg)
	return err
}

// link is one end of the socket pair between a server and its successor.
type link struct {
	file  *os.File
	lines chan string // lines from the other process; closed when it has ended
}

func newLink(file *os.File) *link {
	l := &link{file: file, lines: make(chan string, 4)}
	go func() {
		defer close(l.lines)
		for in := bufio.NewScanner(file); in.Scan(); {
			l.lines <- in.Text()
		}
	}()
	return l
}

// tell sends a line. The reader notices the end of the other process.
func (l *link) tell(line string) {
	io.WriteString(l.file, line+"\n") //nolint:errcheck // See above.
}

// Close closes this end.
func (l *link) Close() error { return l.file.Close() }
