// Package notify delivers events to the endpoints of webhooks. It is the machinery of chat
// logging (package chatlog) with another destination: readers with positions, leases over
// all servers, backoff for each room and each endpoint.
package notify

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"confab/internal/chat"
	"confab/internal/chatlog"
	"confab/internal/transcript"
	"confab/internal/webhook"
)

// Options configure a Service. Fields without a comment are required.
type Options struct {
	Region, Account string
	Hooks           *webhook.Hooks
	Transcript      *transcript.DB
	// Allow are networks that webhooks may call although their addresses are not public.
	Allow    []netip.Prefix
	Insecure bool
	// Mine is that of chatlog.Options; nil is always.
	Mine    func(key string) bool
	Metrics *webhook.Metrics
	Log     *slog.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Service delivers the events of webhooks to their endpoints.
type Service struct {
	o          Options
	guard      *webhook.Guard
	caller     *webhook.Caller
	deliveries *chatlog.Service // nil before Start

	mu sync.Mutex // mu guards the fields below.
	// failing are the webhooks for which this server has recorded the outcome of the last
	// call.
	failing map[string]failure
}

// failure is the recorded outcome of a webhook's last call.
type failure struct {
	why string // "" if it succeeded
	at  time.Time
}

// New makes a Service. Test works at once; events are delivered after Start.
func New(o Options) *Service {
	if o.Now == nil {
		o.Now = time.Now
	}
	guard := &webhook.Guard{Allow: o.Allow}
	return &Service{o: o, guard: guard, caller: webhook.NewCaller(guard, nil, o.Now), failing: map[string]failure{}}
}

// gather is how long events wait for others of their room, and how often the service looks
// for new ones.
const gather = 100 * time.Millisecond

// Start begins to deliver, first what an earlier process has left.
func (s *Service) Start() error {
	if s == nil {
		return nil // Extensions are off.
	}
	deliveries, err := chatlog.New(chatlog.Options{
		Region: s.o.Region, Account: s.o.Account, Transcript: readers{transcript.WebhookReaders{DB: s.o.Transcript}, s},
		Deliver: s.deliver, Mine: s.o.Mine, Idle: s.o.Hooks.None, FlushInterval: gather, ObjectInterval: gather,
		Metrics: chatlog.NewMetrics(nil), Log: s.o.Log, Now: s.o.Now,
	})
	s.deliveries = deliveries
	return err
}

// Flush delivers what is owed now, until ctx ends or only failing endpoints are left.
func (s *Service) Flush(ctx context.Context) {
	if s != nil && s.deliveries != nil {
		s.deliveries.Flush(ctx)
	}
}

// Settle waits for the calls that have read the transcript before it was called, until ctx
// ends.
func (s *Service) Settle(ctx context.Context) error {
	if s == nil || s.deliveries == nil {
		return nil
	}
	return s.deliveries.Settle(ctx)
}

// Close delivers what is owed until ctx ends. The rest is delivered after the next start.
func (s *Service) Close(ctx context.Context) {
	if s == nil {
		return
	}
	if s.deliveries != nil {
		s.deliveries.Close(ctx)
	}
	s.caller.Close()
}

// readers does not ask the database while there are no webhooks. It also measures the lag.
type readers struct {
	transcript.WebhookReaders
	s *Service
}

// Readers returns the readers of all webhooks.
func (r readers) Readers(ctx context.Context) ([]chatlog.Reader, error) {
	r.s.forget()
	if r.s.o.Hooks.Empty() {
		r.s.o.Metrics.Lag.Reset()
		return nil, nil
	}
	all, err := r.WebhookReaders.Readers(ctx)
	if err == nil {
		r.s.o.Metrics.Lag.Reset()
		for _, one := range all {
			lag := 0.0
			if !one.Since.IsZero() {
				lag = r.s.o.Now().Sub(one.Since).Seconds()
			}
			r.s.o.Metrics.Lag.WithLabelValues(one.Configuration.ID).Set(lag)
		}
	}
	return all, err
}

// forget removes what is known of webhooks that were deleted.
func (s *Service) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.failing {
		if s.o.Hooks.Known(id) {
			continue
		}
		delete(s.failing, id)
		for _, m := range []*prometheus.CounterVec{s.o.Metrics.Events, s.o.Metrics.Errors, s.o.Metrics.Dropped} {
			m.DeleteLabelValues(id)
		}
	}
}

// deliver makes one call with events of one room.
func (s *Service) deliver(ctx context.Context, r chatlog.Reader, roomID string, records []chatlog.Record) error {
	id := r.Configuration.ID
	hook, err := s.o.Hooks.Active(ctx, id)
	if err != nil || hook == nil || len(records) == 0 { // Nothing is kept for a webhook that is paused or deleted.
		return err
	}
	events := make([]json.RawMessage, len(records))
	for i := range records {
		if events[i], err = webhook.EncodeRecord(records[i].Type, records[i].JSON); err != nil {
			return err
		}
	}
	room := ""
	if roomID != webhook.EveryRoom {
		room = chat.ARN{Region: s.o.Region, Account: s.o.Account, Type: chat.RoomResource, ID: roomID}.String()
	}
	// After a failure, the events may be sent together with more. Then it is another call.
	name := callID(id, roomID, records[0].Position, records[len(records)-1].Position, len(records))
	status, err := s.caller.Call(ctx, hook.Endpoint(s.o.Now()), name, webhook.Payload(room, events, s.o.Now()))
	if ctx.Err() != nil && err != nil {
		return err // It was aborted.
	}
	if err != nil {
		s.o.Metrics.Errors.WithLabelValues(id).Inc()
	} else {
		s.o.Metrics.Events.WithLabelValues(id).Add(float64(len(records)))
	}
	s.note(ctx, id, err)
	if status == http.StatusGone {
		return s.gone(ctx, id)
	}
	return err
}

// callID is the webhook-id of a call.
func callID(parts ...any) string {
	sum := sha256.Sum256(fmt.Append(nil, parts...))
	return "msg_" + base64.RawURLEncoding.EncodeToString(sum[:18])
}

// gone pauses a webhook whose endpoint has answered 410, as the Standard Webhooks
// specification recommends.
func (s *Service) gone(ctx context.Context, id string) error {
	_, err := s.o.Hooks.Update(ctx, id, func(h *webhook.Hook) error {
		h.State, h.LastError = webhook.Paused, "the endpoint answered 410, which says that it wants no calls; the webhook was paused"
		return nil
	})
	if chat.CodeOf(err) == chat.NotFound {
		return nil
	}
	if err == nil {
		s.o.Log.LogAttrs(ctx, slog.LevelWarn, "Webhook paused: its endpoint is gone", slog.String("webhook", id))
	}
	return err
}

// noteEvery is the least time between two records of failures with different texts.
const noteEvery = 10 * time.Second

// note records and logs when a webhook's calls begin to fail, and when they succeed again.
func (s *Service) note(ctx context.Context, id string, failed error) {
	now := failure{at: s.o.Now()}
	if failed != nil {
		now.why = failed.Error()
	}
	s.mu.Lock()
	before, known := s.failing[id]
	same := known && before.why == now.why
	again := now.why != "" && before.why != "" && now.at.Sub(before.at) < noteEvery
	if !same && !again {
		s.failing[id] = now
	}
	s.mu.Unlock()
	if same || again {
		return
	}
	switch {
	case failed != nil && before.why == "":
		s.o.Log.LogAttrs(ctx, slog.LevelWarn, "Webhook failed; it is tried again", slog.String("webhook", id), slog.Any("error", failed))
	case failed == nil && before.why != "":
		s.o.Log.LogAttrs(ctx, slog.LevelInfo, "Webhook recovered", slog.String("webhook", id))
	}
	if err := s.o.Hooks.Failed(ctx, id, now.why); err != nil {
		s.mu.Lock()
		delete(s.failing, id) // The next call records it.
		s.mu.Unlock()
	}
}

// CheckURL reports what is wrong with the URL of a webhook.
func (s *Service) CheckURL(text string) error { return webhook.CheckURL(text, s.o.Insecure, s.guard) }

// testTime is how long a test takes, whatever the endpoint does. So the time of a test does
// not show whether a port of another machine is open.
const testTime = 3 * time.Second

// Test calls the endpoint of a webhook with an event of type webhook.test, and returns the
// status of the answer, 0 without one, and how long it took.
func (s *Service) Test(ctx context.Context, h *webhook.Hook) (status int, took time.Duration, err error) {
	timer := time.NewTimer(testTime)
	defer timer.Stop()
	event := webhook.Event{Type: webhook.Test, ID: chat.NewID(), Time: chat.FormatTime(s.o.Now())}
	body, err := json.Marshal(event)
	if err != nil {
		return 0, 0, err
	}
	within, cancel := context.WithTimeout(ctx, testTime)
	defer cancel()
	began := time.Now()
	status, err = s.caller.Call(within, h.Endpoint(s.o.Now()), "msg_"+event.ID, webhook.Payload("", []json.RawMessage{body}, s.o.Now()))
	took = time.Since(began)
	if status == 0 {
		took = testTime
	}
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return status, took, err
}
