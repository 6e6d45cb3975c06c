package serverops

import (
	"context"
	"maps"
	"math"
	"strconv"
	"time"

	"confab/internal/chat"
	"confab/internal/iam"
	"confab/internal/operation"
	"confab/internal/series"
)

// GetMetricsInput is what GetMetrics takes.
type GetMetricsInput struct {
	// The names of metrics, as docs/metrics.md lists them; all if it is absent.
	Names []string `json:"names" rule:"0..100"`
	// The start of the series, at most six hours ago; an hour ago if it is absent.
	StartTime *string `json:"startTime" rule:"time"`
	// The end of the series; now if it is absent.
	EndTime *string `json:"endTime" rule:"time"`
	// The length of a period, a multiple of 10 seconds; 60 if it is absent.
	PeriodInSeconds *int32 `json:"periodInSeconds" rule:"10..21600"`
}

// GetMetricsOutput is the selected series.
type GetMetricsOutput struct {
	// The series, by their names and labels.
	Series []MetricSeries `json:"series"`
}

// MetricSeries is one metric with one set of labels, summed over all nodes that answer.
type MetricSeries struct {
	// The name of the metric.
	Name string `json:"name"`
	// The labels of the metric. Histograms have the label quantile as well: 0.5, 0.9 and
	// 0.99.
	Labels map[string]string `json:"labels"`
	// The start of the first period.
	StartTime string `json:"startTime" rule:"time"`
	// The length of a period.
	PeriodInSeconds int `json:"periodInSeconds"`
	// One value for each period: the increase of a counter, the value of a gauge at the
	// end, or the quantile of a histogram. It is null where nothing is known.
	Values []*float64 `json:"values"`
}

const (
	defaultPeriod = time.Minute
	defaultSpan   = time.Hour
)

// GetMetrics returns the server's metrics of the last six hours as time series. They are
// kept in memory, so a restart clears them.
func (s *Service) GetMetrics(ctx context.Context, in *GetMetricsInput) (*GetMetricsOutput, error) {
	if err := iam.CallFrom(ctx).Authorize("confab:GetMetrics", chat.ARN{Region: s.Region, Account: s.Account}, iam.Keys{}); err != nil {
		return nil, err
	}
	q, err := s.metricsQuery(in)
	if err != nil {
		return nil, err
	}
	out := &GetMetricsOutput{Series: []MetricSeries{}}
	for _, one := range s.o.Series(ctx, q) {
		if one.Kind != series.Histogram {
			out.Series = append(out.Series, s.shown(q, &one, one.Labels, func(v []float64) float64 { return v[0] }))
			continue
		}
		for _, quantile := range []float64{0.5, 0.9, 0.99} {
			labels := maps.Clone(one.Labels)
			if labels == nil {
				labels = map[string]string{}
			}
			labels["quantile"] = strconv.FormatFloat(quantile, 'g', -1, 64)
			out.Series = append(out.Series, s.shown(q, &one, labels, func(v []float64) float64 { return one.Quantile(quantile, v) }))
		}
	}
	return out, nil
}

// metricsQuery returns the steps that the members select.
func (s *Service) metricsQuery(in *GetMetricsInput) (*series.Query, error) {
	now := s.Now()
	end := now
	if in.EndTime != nil {
		end = operation.Time(in.EndTime)
	}
	start := end.Add(-defaultSpan)
	if in.StartTime != nil {
		start = operation.Time(in.StartTime)
	}
	period := defaultPeriod
	if in.PeriodInSeconds != nil {
		period = time.Duration(*in.PeriodInSeconds) * time.Second
	}
	switch {
	case period%series.Step != 0:
		return nil, chat.InvalidField("periodInSeconds", "must be a multiple of 10, this is %d", *in.PeriodInSeconds)
	case !start.Before(end):
		return nil, chat.InvalidField("endTime", "must be later than startTime")
	case end.Sub(start) > series.Kept:
		return nil, chat.InvalidField("startTime", "must be at most six hours before endTime")
	}
	every := int64(period / series.Step)
	q := &series.Query{Names: in.Names, Every: every, From: start.UnixNano() / int64(period) * every}
	q.To = q.From + (end.Sub(start).Nanoseconds()+int64(period)-1)/int64(period)*every
	return q, nil
}

// shown makes a series of one value for each period.
func (s *Service) shown(q *series.Query, one *series.Series, labels map[string]string, value func([]float64) float64) MetricSeries {
	m := MetricSeries{
		Name: one.Name, Labels: operation.OrEmpty(labels), Values: make([]*float64, len(one.Values)),
		StartTime: chat.FormatTime(time.Unix(0, q.From*int64(series.Step))), PeriodInSeconds: int(time.Duration(q.Every) * series.Step / time.Second),
	}
	for i, v := range one.Values {
		if len(v) > 0 {
			if x := value(v); !math.IsNaN(x) && !math.IsInf(x, 0) {
				m.Values[i] = &x
			}
		}
	}
	return m
}
