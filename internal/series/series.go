// Package series keeps the metrics of the last hours in memory, in steps of ten seconds. The
// operation GetMetrics reads them, so the console shows charts without Prometheus.
//
// A step of a counter has its increase, a step of a gauge has its value at the end of the step,
// and a step of a histogram has the number of observations in each bucket. So the series of
// several nodes can be added up. Quantiles of histograms are computed after that.
package series

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

const (
	// Step is the time between two samples.
	Step = 10 * time.Second
	// Kept is how long samples are kept.
	Kept  = 6 * time.Hour
	steps = int(Kept / Step)
	// mostLabels is how many series of one metric are kept, with different labels. Those
	// that come later are left out, unless they can replace one that is gone for as many steps as gone.
	mostLabels = 64
	gone       = int64(time.Minute / Step)
)

// Recorder samples the metrics of a registry.
type Recorder struct {
	from prometheus.Gatherer
	now  func() time.Time

	mu     sync.Mutex // guards the fields below
	series map[string]*recorded
	// labels counts the series of each metric.
	labels  map[string]int
	sampled bool  // the first sample was taken
	latest  int64 // the step of the last sample
}

// recorded is one series: a ring of steps, by the number of the step.
type recorded struct {
	name   string
	labels map[string]string
	kind   Kind
	bounds []float64 // of a histogram's buckets, without the last, which has none
	// last are the totals at the end of the last step, of a counter or of each bucket.
	last []float64
	// values has width values for each step; began is the first step that has any, and
	// until the one behind the last.
	values       []float32
	width        int
	began, until int64
}

// Kind is the type of a metric, which decides how its values are added up.
type Kind string

// The kinds of series.
const (
	Counter   Kind = "counter"
	Gauge     Kind = "gauge"
	Histogram Kind = "histogram"
)

// NewRecorder returns a recorder without samples; now is its clock.
func NewRecorder(from prometheus.Gatherer, now func() time.Time) *Recorder {
	return &Recorder{from: from, now: now, series: map[string]*recorded{}, labels: map[string]int{}}
}

// Run samples at the end of each step until ctx ends.
func (r *Recorder) Run(ctx context.Context) {
	r.Sample() // Counters count from here.
	for {
		wait := time.NewTimer(Step - time.Duration(r.now().UnixNano())%Step)
		select {
		case <-wait.C:
			r.Sample()
		case <-ctx.Done():
			wait.Stop()
			return
		}
	}
}

// Sample records the step that ends now. Steps are numbered from 1970, so the same step has
// the same number on all nodes.
func (r *Recorder) Sample() {
	families, err := r.from.Gather()
	if err != nil && len(families) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	step := r.now().UnixNano()/int64(Step) - 1
	for _, f := range families {
		for _, m := range f.GetMetric() {
			r.sample(f, m, step)
		}
	}
	r.sampled, r.latest = true, step
}

func (r *Recorder) sample(f *dto.MetricFamily, m *dto.Metric, step int64) {
	var kind Kind
	var totals, bounds []float64
	switch f.GetType() {
	case dto.MetricType_COUNTER:
		kind, totals = Counter, []float64{m.GetCounter().GetValue()}
	case dto.MetricType_GAUGE:
		kind, totals = Gauge, []float64{m.GetGauge().GetValue()}
	case dto.MetricType_HISTOGRAM:
		kind = Histogram
		before := uint64(0)
		for _, b := range m.GetHistogram().GetBucket() {
			if math.IsInf(b.GetUpperBound(), 1) {
				continue
			}
			bounds = append(bounds, b.GetUpperBound())
			totals = append(totals, float64(b.GetCumulativeCount()-before))
			before = b.GetCumulativeCount()
		}
		totals = append(totals, float64(m.GetHistogram().GetSampleCount()-before))
	default:
		return
	}
	s := r.find(f.GetName(), m.GetLabel(), kind, bounds)
	if s == nil {
		return
	}
	if s.last == nil && r.sampled {
		s.last = make([]float64, len(totals)) // It is new, so it began at 0 in this step.
	}
	s.add(step, totals)
}

// find returns the series, and makes it if there is room for it.
func (r *Recorder) find(name string, labels []*dto.LabelPair, kind Kind, bounds []float64) *recorded {
	var key strings.Builder
	key.WriteString(name)
	for _, l := range labels { // They are sorted.
		key.WriteString("\x00" + l.GetName() + "\x00" + l.GetValue())
	}
	s := r.series[key.String()]
	if s != nil || r.labels[name] >= mostLabels && !r.drop(name) {
		return s
	}
	r.labels[name]++
	s = &recorded{name: name, labels: map[string]string{}, kind: kind, bounds: bounds, width: len(bounds) + 1}
	for _, l := range labels {
		s.labels[l.GetName()] = l.GetValue()
	}
	r.series[key.String()] = s
	return s
}

// drop removes the series of a metric that is gone for the longest time, and reports whether there
// is one: its webhook was deleted, for example.
func (r *Recorder) drop(name string) bool {
	oldest, until := "", r.latest-gone
	for key, s := range r.series {
		if s.name == name && s.values != nil && s.until <= until {
			oldest, until = key, s.until
		}
	}
	if oldest == "" {
		return false
	}
	delete(r.series, oldest)
	r.labels[name]--
	return true
}

// add stores a step. A counter that was there at the first sample of all has no step of it: it
// counts from there.
func (s *recorded) add(step int64, totals []float64) {
	last := s.last
	s.last = totals
	if s.kind != Gauge && last == nil {
		return
	}
	if s.values == nil {
		s.values = make([]float32, steps*s.width)
		s.began, s.until = step, step
	}
	if step < s.until {
		return // The clock was set back.
	}
	for ; s.until < step; s.until++ { // Steps without a sample.
		clear(s.at(s.until))
	}
	s.began = max(s.began, step-int64(steps)+1)
	at := s.at(step)
	for i, total := range totals {
		if s.kind == Gauge {
			at[i] = float32(total)
		} else {
			at[i] = float32(max(total-last[i], 0))
		}
	}
	s.until = step + 1
}

func (s *recorded) at(step int64) []float32 {
	i := int(step%int64(steps)) * s.width
	return s.values[i : i+s.width]
}

// Query selects series. It is the same for all nodes.
type Query struct {
	// Names are those of metrics; none means all.
	Names []string `json:"names,omitzero"`
	// From and To are the numbers of steps: from From on, before To.
	From int64 `json:"from"`
	To   int64 `json:"to"`
	// Every is the number of steps in one period.
	Every int64 `json:"every"`
}

// Periods returns the number of periods.
func (q *Query) Periods() int { return int((q.To - q.From) / q.Every) }

// Series is one series of one node, or of several.
type Series struct {
	Name   string            `json:"name"`
	Labels map[string]string `json:"labels,omitzero"`
	Kind   Kind              `json:"kind"`
	Bounds []float64         `json:"bounds,omitzero"`
	// Values has, for each period, one value, or one for each bucket. A period without a
	// sample has none.
	Values [][]float64 `json:"values"`
}

// Read returns the selected series.
func (r *Recorder) Read(q *Query) []Series {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []Series
	for _, s := range r.series {
		if s.values == nil || len(q.Names) > 0 && !slices.Contains(q.Names, s.name) {
			continue
		}
		all = append(all, s.read(q))
	}
	sortSeries(all)
	return all
}

func (s *recorded) read(q *Query) Series {
	out := Series{Name: s.name, Labels: s.labels, Kind: s.kind, Bounds: s.bounds, Values: make([][]float64, q.Periods())}
	for step := max(q.From, s.began); step < min(q.To, s.until); step++ {
		i := (step - q.From) / q.Every
		v := out.Values[i]
		if v == nil {
			v = make([]float64, s.width)
			out.Values[i] = v
		}
		for j, x := range s.at(step) {
			if s.kind == Gauge {
				v[j] = float64(x)
			} else {
				v[j] += float64(x)
			}
		}
	}
	return out
}

func sortSeries(all []Series) {
	slices.SortFunc(all, func(a, b Series) int { return cmp.Compare(a.key(), b.key()) })
}

func (s *Series) key() string {
	var b strings.Builder
	b.WriteString(s.Name)
	names := make([]string, 0, len(s.Labels))
	for k := range s.Labels {
		names = append(names, k)
	}
	slices.Sort(names)
	for _, k := range names {
		b.WriteString("\x00" + k + "\x00" + s.Labels[k])
	}
	return b.String()
}

// Sum adds up the series of several nodes. Series whose buckets differ, because the nodes
// are of different releases, are not added: the first counts.
func Sum(nodes ...[]Series) []Series {
	byKey := map[string]*Series{}
	for _, node := range nodes {
		for i := range node {
			s := &node[i]
			sum := byKey[s.key()]
			if sum == nil {
				byKey[s.key()] = s
				continue
			}
			if sum.Kind == s.Kind && slices.Equal(sum.Bounds, s.Bounds) && len(sum.Values) == len(s.Values) {
				sum.add(s)
			}
		}
	}
	all := make([]Series, 0, len(byKey))
	for _, s := range byKey {
		all = append(all, *s)
	}
	sortSeries(all)
	return all
}

// Check returns an error for a series of another node that Read could not have made: that
// node may run another release, or may be hostile.
func (s *Series) Check() error {
	for _, v := range s.Values {
		if len(v) != 0 && len(v) != len(s.Bounds)+1 {
			return fmt.Errorf("a period of %s has %d values, want %d", s.Name, len(v), len(s.Bounds)+1)
		}
	}
	return nil
}

func (s *Series) add(other *Series) {
	for i, v := range other.Values {
		switch {
		case len(v) == 0: // A period without a sample that has been written as JSON is empty.
		case len(s.Values[i]) == 0:
			s.Values[i] = v
		default:
			for j := range v {
				s.Values[i][j] += v[j]
			}
		}
	}
}

// Quantile returns the quantile of the observations of one period, by linear
// interpolation within a bucket, as Prometheus's histogram_quantile does. It returns NaN
// if there are none.
func (s *Series) Quantile(q float64, buckets []float64) float64 {
	total := 0.0
	for _, n := range buckets {
		total += n
	}
	if total == 0 {
		return math.NaN()
	}
	rank, before := q*total, 0.0
	for i, n := range buckets {
		if before+n < rank || n == 0 {
			before += n
			continue
		}
		if i == len(s.Bounds) { // The last bucket has no upper bound.
			break
		}
		lower := 0.0
		if i > 0 {
			lower = s.Bounds[i-1]
		}
		return lower + (s.Bounds[i]-lower)*(rank-before)/n
	}
	if len(s.Bounds) == 0 {
		return math.NaN()
	}
	return s.Bounds[len(s.Bounds)-1]
}
