package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"confab/internal/chat"
)

func TestLoggingConfiguration(t *testing.T) {
	dialects(t, func(t *testing.T, open opener) {
		db := open(t)

		t.Run("every member comes back as it was given", func(t *testing.T) {
			for _, kind := range []chat.DestinationType{chat.S3, chat.CloudWatchLogs, chat.Firehose} {
				c := &chat.LoggingConfiguration{
					Name: "name", State: chat.LoggingActive, Tags: map[string]string{"a": "b"},
					Destination: chat.Destination{Type: kind, Name: "destination"},
				}
				if err := db.CreateLoggingConfiguration(t.Context(), c, 0); err != nil {
					t.Fatal(err)
				}
				got := must(db.LoggingConfiguration(t.Context(), c.ARN.ID))(t)
				if diff := cmp.Diff(c, got); diff != "" {
					t.Errorf("stored (-) and read (+) differ:\n%s", diff)
				}
				if got.ARN.Type != chat.LoggingConfigurationResource || got.Destination.Type != kind || time.Since(got.UpdateTime) > time.Minute {
					t.Errorf("read %+v", got)
				}
			}
		})

		t.Run("an update stores the configuration as change leaves it", func(t *testing.T) {
			before := must(chat.ParseARN(logging(t, db, 1)[0]))(t)
			old := must(db.LoggingConfiguration(t.Context(), before.ID))(t)
			got := must(db.UpdateLoggingConfiguration(t.Context(), before.ID, func(c *chat.LoggingConfiguration) error {
				c.Name = "other"
				c.Destination = chat.Destination{Type: chat.Firehose, Name: "stream"}
				return nil
			}))(t)
			if diff := cmp.Diff(got, must(db.LoggingConfiguration(t.Context(), before.ID))(t)); diff != "" {
				t.Errorf("returned (-) and read (+) differ:\n%s", diff)
			}
			if got.Name != "other" || got.Destination.Type != chat.Firehose || !got.UpdateTime.After(old.UpdateTime) || !got.CreateTime.Equal(old.CreateTime) {
				t.Errorf("it is now %+v", got)
			}
			no := errors.New("no")
			if _, err := db.UpdateLoggingConfiguration(t.Context(), before.ID, func(*chat.LoggingConfiguration) error { return no }); !errors.Is(err, no) {
				t.Errorf("got %v, want the error of change", err)
			}
		})

		t.Run("a configuration that a room uses cannot be deleted", func(t *testing.T) {
			arn := must(chat.ParseARN(logging(t, db, 1)[0]))(t)
			room := create(t, db, &chat.Room{LoggingConfigurations: []string{arn.String()}})
			e := refusal(t, db.DeleteLoggingConfiguration(t.Context(), arn.ID), chat.Conflict)
			if e.Resource != arn {
				t.Errorf("the refusal is about %v, want %v", e.Resource, arn)
			}
			must(db.UpdateRoom(t.Context(), room.ARN.ID, func(r *chat.Room) error {
				r.LoggingConfigurations = nil
				return nil
			}))(t)
			if err := db.DeleteLoggingConfiguration(t.Context(), arn.ID); err != nil {
				t.Fatal(err)
			}
			_, err := db.LoggingConfiguration(t.Context(), arn.ID)
			wantCode(t, err, chat.NotFound)
		})

		t.Run("a configuration that no room uses any more can be deleted", func(t *testing.T) {
			arn := must(chat.ParseARN(logging(t, db, 1)[0]))(t)
			room := create(t, db, &chat.Room{LoggingConfigurations: []string{arn.String()}})
			if err := errors.Join(db.DeleteRoom(t.Context(), room.ARN.ID), db.DeleteLoggingConfiguration(t.Context(), arn.ID)); err != nil {
				t.Fatal(err)
			}
		})

		t.Run("what does not exist is not found", func(t *testing.T) {
			_, err := db.LoggingConfiguration(t.Context(), "nosuchlogging")
			wantCode(t, err, chat.NotFound)
			_, err = db.UpdateLoggingConfiguration(t.Context(), "nosuchlogging", func(*chat.LoggingConfiguration) error { return nil })
			wantCode(t, err, chat.NotFound)
			wantCode(t, db.DeleteLoggingConfiguration(t.Context(), "nosuchlogging"), chat.NotFound)
		})
	})
}

func TestLoggingConfigurationLimit(t *testing.T) {
	dialects(t, func(t *testing.T, open opener) {
		db := open(t)
		logging(t, db, 2)
		if err := db.CreateLoggingConfiguration(t.Context(), &chat.LoggingConfiguration{}, 3); err != nil {
			t.Fatal(err)
		}
		e := refusal(t, db.CreateLoggingConfiguration(t.Context(), &chat.LoggingConfiguration{}, 3), chat.QuotaExceeded)
		if e.Limit != 3 || e.Resource.Type != chat.LoggingConfigurationResource || !chat.ValidID(e.Resource.ID) {
			t.Errorf("the refusal is %+v, want the limit and a resource", e)
		}
	})
}
