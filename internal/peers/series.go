package peers

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"slices"
	"sync"

	"github.com/go-json-experiment/json"
	"golang.org/x/sync/errgroup"

	"confab/internal/series"
)

// answerSeries answers another node's question for series. Most values are 0, so the
// compressed answer fits a message of NATS.
func (p *Peers) answerSeries(_ context.Context, body []byte) ([]byte, error) {
	var q series.Query
	if err := json.Unmarshal(body, &q); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if err := json.MarshalWrite(w, p.Recorder.Read(&q)); err != nil {
		return nil, err
	}
	err := w.Close()
	return b.Bytes(), err
}

// mostSeries bounds an answer when it is decompressed, in bytes.
const mostSeries = 64 << 20

// mostAsked bounds the questions at a time.
const mostAsked = 8

// Series asks all nodes for series of metrics, and returns the sums. Nodes that do not
// answer are left out. It asks for one metric at a time, so that each answer is small:
// those of the query, or all that this node has.
func (p *Peers) Series(ctx context.Context, q *series.Query) []series.Series {
	own := p.Recorder.Read(q)
	if p.Node == nil {
		return own
	}
	names := slices.Clone(q.Names)
	if len(names) == 0 {
		for i := range own {
			names = append(names, own[i].Name)
		}
	}
	slices.Sort(names)
	var mu sync.Mutex // guards nodes
	nodes := [][]series.Series{own}
	var asking errgroup.Group
	asking.SetLimit(mostAsked)
	for _, name := range slices.Compact(names) {
		one := *q
		one.Names = []string{name}
		body, err := json.Marshal(one)
		if err != nil {
			continue
		}
		asking.Go(func() error {
			answers, _ := p.Node.AskOthers(ctx, topicSeries, body)
			for _, a := range answers {
				if all, err := readSeries(a); err == nil {
					mu.Lock()
					nodes = append(nodes, all)
					mu.Unlock()
				}
			}
			return nil
		})
	}
	asking.Wait() //nolint:errcheck // A node that does not answer is no error.
	return series.Sum(nodes...)
}

func readSeries(answer []byte) (all []series.Series, err error) {
	r, err := gzip.NewReader(bytes.NewReader(answer))
	if err != nil {
		return nil, err
	}
	if err := json.UnmarshalRead(io.LimitReader(r, mostSeries), &all); err != nil {
		return nil, err
	}
	for i := range all {
		if err := all[i].Check(); err != nil {
			return nil, err
		}
	}
	return all, nil
}
