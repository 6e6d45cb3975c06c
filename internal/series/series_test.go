package series_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"confab/internal/series"
)

// node is a registry whose recorder is sampled by hand.
type node struct {
	*series.Recorder
	clock     time.Time
	requests  *prometheus.CounterVec
	sessions  prometheus.Gauge
	durations prometheus.Histogram
}

func newNode() *node {
	registry := prometheus.NewRegistry()
	n := &node{
		clock:     time.Unix(1_800_000_000, 0),
		requests:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "requests"}, []string{"action"}),
		sessions:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "sessions"}),
		durations: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "durations", Buckets: []float64{1, 2, 4}}),
	}
	registry.MustRegister(n.requests, n.sessions, n.durations)
	n.Recorder = series.NewRecorder(registry, func() time.Time { return n.clock })
	n.requests.WithLabelValues("send")
	n.Sample()
	return n
}

// step ends a step.
func (n *node) step() {
	n.clock = n.clock.Add(series.Step)
	n.Sample()
}

// query selects the steps since the start, every of them a period.
func query(steps, every int64, names ...string) *series.Query {
	from := int64(1_800_000_000) / 10
	return &series.Query{Names: names, From: from, To: from + steps, Every: every}
}

func TestRecorder(t *testing.T) {
	n := newNode()
	n.requests.WithLabelValues("send").Add(3)
	n.sessions.Set(7)
	n.step()
	n.requests.WithLabelValues("send").Add(2)
	n.sessions.Set(5)
	n.durations.Observe(1.5)
	n.durations.Observe(9)
	n.step()
	want := []series.Series{
		{Name: "durations", Labels: map[string]string{}, Kind: series.Histogram, Bounds: []float64{1, 2, 4}, Values: [][]float64{{0, 0, 0, 0}, {0, 1, 0, 1}, nil}},
		{Name: "requests", Labels: map[string]string{"action": "send"}, Kind: series.Counter, Values: [][]float64{{3}, {2}, nil}},
		{Name: "sessions", Labels: map[string]string{}, Kind: series.Gauge, Values: [][]float64{{7}, {5}, nil}},
	}
	if d := cmp.Diff(want, n.Read(query(3, 1))); d != "" {
		t.Error(d)
	}
	longer := n.Read(query(2, 2, "requests", "sessions"))
	if len(longer) != 2 || longer[0].Values[0][0] != 5 || longer[1].Values[0][0] != 5 {
		t.Errorf("over two steps: %v", longer)
	}
	if got := n.Read(query(3, 1, "no such metric")); len(got) != 0 {
		t.Errorf("got %v", got)
	}
}

// A series that begins later, as the first error of its kind does, counts from 0.
func TestRecorder_newSeries(t *testing.T) {
	n := newNode()
	n.step()
	n.requests.WithLabelValues("fail").Add(2)
	n.step()
	want := []series.Series{
		{Name: "requests", Labels: map[string]string{"action": "fail"}, Kind: series.Counter, Values: [][]float64{nil, {2}, nil}},
		{Name: "requests", Labels: map[string]string{"action": "send"}, Kind: series.Counter, Values: [][]float64{{0}, {0}, nil}},
	}
	if d := cmp.Diff(want, n.Read(query(3, 1, "requests"))); d != "" {
		t.Error(d)
	}
}

// What is older than six hours is gone, and steps without a sample are empty.
func TestRecorderForgets(t *testing.T) {
	n := newNode()
	n.requests.WithLabelValues("send").Add(1)
	n.step()
	n.clock = n.clock.Add(series.Kept)
	n.requests.WithLabelValues("send").Add(2)
	n.step()
	steps := int64(series.Kept/series.Step) + 2
	values := n.Read(query(steps, 1, "requests"))[0].Values
	if values[0] != nil {
		t.Errorf("the first step has %v after more than six hours", values[0])
	}
	if last := values[len(values)-1]; len(last) != 1 || last[0] != 2 {
		t.Errorf("the last step has %v", last)
	}
}

func TestRecorderIsBounded(t *testing.T) {
	n := newNode()
	for i := range 1000 {
		n.requests.WithLabelValues(fmt.Sprint(i)).Inc()
	}
	n.step()
	n.step()
	if got := len(n.Read(query(3, 1, "requests"))); got != 64 {
		t.Errorf("%d series of one metric, want 64", got)
	}
}

// A series that is gone makes room for a later one, after a minute.
func TestRecorderReplaces(t *testing.T) {
	n := newNode() // It has one series already.
	for i := range 63 {
		n.requests.WithLabelValues(fmt.Sprint(i)).Inc()
	}
	n.step()
	n.step()
	n.requests.DeleteLabelValues("7")
	n.requests.WithLabelValues("late").Inc()
	has := func(action string) bool {
		return slices.ContainsFunc(n.Read(query(100, 1, "requests")), func(s series.Series) bool { return s.Labels["action"] == action })
	}
	if n.step(); has("late") || !has("7") {
		t.Error("a series was replaced at once")
	}
	for range 7 {
		n.step()
	}
	if !has("late") || has("7") || !has("0") || !has("62") {
		t.Errorf("late %t, 7 %t, 0 %t, 62 %t", has("late"), has("7"), has("0"), has("62"))
	}
}

func TestSum(t *testing.T) {
	a, b := newNode(), newNode()
	a.requests.WithLabelValues("send").Add(1)
	b.requests.WithLabelValues("send").Add(2)
	a.durations.Observe(0.5)
	b.durations.Observe(3)
	a.step()
	b.step()
	b.requests.WithLabelValues("send").Add(4)
	b.step()
	sum := series.Sum(a.Read(query(2, 1)), b.Read(query(2, 1)))
	if len(sum) != 3 {
		t.Fatalf("got %v", sum)
	}
	if d := cmp.Diff([][]float64{{3}, {4}}, sum[1].Values); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]float64{1, 0, 1, 0}, sum[0].Values[0]); d != "" {
		t.Error(d)
	}
}

// Series come from other nodes as JSON, which has no difference between nothing and an
// empty list.
func TestSumOfJSON(t *testing.T) {
	a, b := newNode(), newNode()
	a.step()
	b.step()
	b.requests.WithLabelValues("send").Add(4)
	b.step()
	over := func(n *node) (all []series.Series) {
		t.Helper()
		data, err := json.Marshal(n.Read(query(3, 1, "requests")))
		if err == nil {
			err = json.Unmarshal(data, &all)
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range all {
			if err := all[i].Check(); err != nil {
				t.Error(err)
			}
		}
		return all
	}
	sum := series.Sum(over(a), over(b))
	if got := fmt.Sprint(sum[0].Values); got != "[[0] [4] []]" {
		t.Errorf("got %s", got)
	}
	if (&series.Series{Values: [][]float64{{1, 2}}}).Check() == nil {
		t.Error("two values of a counter were accepted")
	}
}

func TestQuantile(t *testing.T) {
	s := series.Series{Bounds: []float64{1, 2, 4}}
	for _, c := range []struct {
		q       float64
		buckets []float64
		want    float64
	}{
		{0.5, []float64{10, 0, 0, 0}, 0.5},
		{0.5, []float64{0, 10, 0, 0}, 1.5},
		{0.9, []float64{5, 0, 5, 0}, 3.6},
		{0.99, []float64{0, 0, 0, 1}, 4},
		{0.5, []float64{0, 0, 0, 0}, math.NaN()},
	} {
		if got := s.Quantile(c.q, c.buckets); math.Abs(got-c.want) > 1e-9 || math.IsNaN(got) != math.IsNaN(c.want) {
			t.Errorf("the quantile %v of %v is %v, want %v", c.q, c.buckets, got, c.want)
		}
	}
}
