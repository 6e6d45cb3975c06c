package chat_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"confab/internal/chat"
)

func TestExtensionsOf(t *testing.T) {
	defaults := chat.Extensions{HistoryRead: chat.All, Presence: chat.PresenceOff, Send: chat.All, Links: chat.All}
	for name, c := range map[string]struct {
		tags    map[string]string
		want    func(*chat.Extensions)
		ignored string // what the errors say
	}{
		"no tags":                    {nil, func(*chat.Extensions) {}, ""},
		"plain tags":                 {map[string]string{"team": "blue", "Confab:history": "1h", "confab": "x"}, func(*chat.Extensions) {}, ""},
		"history":                    {map[string]string{"confab:history": "24h"}, func(e *chat.Extensions) { e.History = 24 * time.Hour }, ""},
		"history is off":             {map[string]string{"confab:history": "off"}, func(*chat.Extensions) {}, ""},
		"too short":                  {map[string]string{"confab:history": "59s"}, func(*chat.Extensions) {}, "from 1m to 8760h"},
		"too long":                   {map[string]string{"confab:history": "8760h1s"}, func(*chat.Extensions) {}, "from 1m to 8760h"},
		"negative":                   {map[string]string{"confab:history": "-1h"}, func(*chat.Extensions) {}, "from 1m to 8760h"},
		"an example that is allowed": {map[string]string{"confab:catch-up": "30m"}, func(*chat.Extensions) {}, "from 5s to 10m, such as 90s, this is"},
		"plus sign":                  {map[string]string{"confab:history": "+1h"}, func(*chat.Extensions) {}, "from 1m to 8760h"},
		"no unit":                    {map[string]string{"confab:history": "5"}, func(*chat.Extensions) {}, "from 1m to 8760h"},
		"who":                        {map[string]string{"confab:history-read": "staff"}, func(e *chat.Extensions) { e.HistoryRead = chat.Staff }, ""},
		"who, upper case":            {map[string]string{"confab:history-read": "ALL"}, func(*chat.Extensions) {}, "all, staff or nobody"},
		"number":                     {map[string]string{"confab:history-on-join": "200"}, func(e *chat.Extensions) { e.HistoryOnJoin = 200 }, ""},
		"large number":               {map[string]string{"confab:history-on-join": "201"}, func(*chat.Extensions) {}, "from 0 to 200"},
		"signed number":              {map[string]string{"confab:history-on-join": "+1"}, func(*chat.Extensions) {}, "from 0 to 200"},
		"presence":                   {map[string]string{"confab:presence": "full"}, func(e *chat.Extensions) { e.Presence = chat.PresenceFull }, ""},
		"other presence":             {map[string]string{"confab:presence": "yes"}, func(*chat.Extensions) {}, "off, count or full"},
		"unknown":                    {map[string]string{"confab:colour": "red"}, func(*chat.Extensions) {}, "confab:history, confab:history-on-join"},
		"one is wrong": {
			map[string]string{"confab:history-on-join": "1", "confab:history": "x"},
			func(e *chat.Extensions) { e.HistoryOnJoin = 1 }, "confab:history must be",
		},
	} {
		t.Run(name, func(t *testing.T) {
			want := defaults
			c.want(&want)
			got, ignored := chat.ExtensionsOf(c.tags)
			if d := cmp.Diff(want, got); d != "" {
				t.Error(d)
			}
			if (c.ignored == "") != (len(ignored) == 0) || len(ignored) > 0 && !strings.Contains(ignored[0].Error(), c.ignored) {
				t.Errorf("ignored %v, want one that says %q", ignored, c.ignored)
			}
			for k, v := range c.tags {
				if err := chat.CheckExtensionTag(k, v); err != nil && c.ignored == "" {
					t.Error(err)
				}
			}
		})
	}
}
