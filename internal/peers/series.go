package peers

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"

	"github.com/go-json-experiment/json"

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

// Series asks all nodes for the series, and returns the sums. Nodes that do not answer are
// left out. Metrics are asked for one by one, so that each answer is small.
func (p *Peers) Series(ctx context.Context, q *series.Query) []series.Series {
	own := p.Recorder.Read(q)
	if p.Node == nil {
		return own
	}
	nodes := [][]series.Series{own}
	asked := map[string]bool{}
	for i := range own {
		name := own[i].Name
		if asked[name] {
			continue
		}
		asked[name] = true
		one := *q
		one.Names = []string{name}
		body, err := json.Marshal(one)
		if err != nil {
			continue
		}
		answers, _ := p.Node.AskOthers(ctx, topicSeries, body)
		for _, a := range answers {
			if all, err := readSeries(a); err == nil {
				nodes = append(nodes, all)
			}
		}
	}
	return series.Sum(nodes...)
}

func readSeries(answer []byte) (all []series.Series, err error) {
	r, err := gzip.NewReader(bytes.NewReader(answer))
	if err != nil {
		return nil, err
	}
	err = json.UnmarshalRead(io.LimitReader(r, mostSeries), &all)
	return all, err
}
