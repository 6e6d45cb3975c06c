package export_test

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"
	"time"

	"confab/internal/export"
)

var begin = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

func write(t testing.TB, form string, messages ...export.Message) string {
	t.Helper()
	var b bytes.Buffer
	w, err := export.New(form, &b, begin)
	if err != nil {
		t.Fatal(err)
	}
	for i := range messages {
		if err := w.Write(&messages[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestForms(t *testing.T) {
	t.Run("an empty file has its heading", func(t *testing.T) {
		for form, want := range map[string]string{
			"ndjson": "", "vtt": "WEBVTT\n",
			"csv": "sendTime,id,userId,content,attributes,senderAttributes,deletedTime,deletedBy,reason\n",
		} {
			if got := write(t, form); got != want {
				t.Errorf("%s: got %q, want %q", form, got, want)
			}
		}
	})
	t.Run("an unknown form is refused", func(t *testing.T) {
		if _, err := export.New("xml", nil, begin); err == nil {
			t.Error("no error")
		}
	})
	t.Run("NDJSON has the members of the API", func(t *testing.T) {
		if got := write(t, "ndjson", export.Message{Members: map[string]string{"content": "<b> \n"}}); got != `{"content":"<b> \n"}`+"\n" {
			t.Errorf("got %s", got)
		}
	})
	t.Run("cells of CSV cannot be formulas", func(t *testing.T) {
		for content, want := range map[string]string{
			"=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@SUM(A1)": "'@SUM(A1)", "a=1": "a=1", "'=1": "'=1", "": "", "é": "é",
			"two\nlines, \"quoted\"": "two\nlines, \"quoted\"", "\t=1": "'\t=1",
		} {
			for _, m := range []export.Message{{SendTime: begin, Content: content}, {SendTime: begin, UserID: content}, {SendTime: begin, Reason: content}} {
				rows, err := csv.NewReader(strings.NewReader(write(t, "csv", m))).ReadAll()
				if err != nil || len(rows) != 2 {
					t.Fatalf("%v, %v", rows, err)
				}
				if got := rows[1][2] + rows[1][3] + rows[1][8]; got != want {
					t.Errorf("%q: got %q, want %q", content, got, want)
				}
			}
		}
	})
	t.Run("CSV has all members", func(t *testing.T) {
		got := write(t, "csv", export.Message{
			ID: "i", SendTime: begin.Add(5), UserID: "u", Content: "c", Attributes: map[string]string{"b": "2", "a": "1"},
			SenderAttributes: map[string]string{"n": "x"}, DeletedTime: "d", DeletedBy: "by", Reason: "r",
		})
		if _, row, _ := strings.Cut(got, "\n"); row != `2026-01-31T12:00:00.000000005Z,i,u,c,"{""a"":""1"",""b"":""2""}","{""n"":""x""}",d,by,r`+"\n" {
			t.Errorf("got %s", row)
		}
	})
	t.Run("WebVTT is relative to its start", func(t *testing.T) {
		got := write(t, "vtt",
			export.Message{ID: "a", SendTime: begin.Add(-time.Second), UserID: "u", Content: "before"},
			export.Message{ID: "b", SendTime: begin, UserID: "u", Content: "first"},
			export.Message{ID: "c", SendTime: begin.Add(100*time.Hour + 61*time.Second + 7*time.Millisecond), UserID: "u & <v>\n", Content: "a --> b\n\n \r\n<i>&amp;"},
		)
		want := "WEBVTT\n\nb\n00:00:00.000 --> 00:00:05.000\n<v u>first\n" +
			"\nc\n100:01:01.007 --> 100:01:06.007\n<v u &amp; &lt;v&gt;>a --&gt; b\n&lt;i&gt;&amp;amp;\n"
		if got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	})
}

// FuzzVTT holds that no text can end its cue or begin another one.
func FuzzVTT(f *testing.F) {
	f.Add("user", "text\n\n00:00.000 --> 00:01.000\nmore")
	f.Add("--", "an arrow with the end of the tag")
	f.Fuzz(func(t *testing.T, user, content string) {
		got := write(t, "vtt", export.Message{ID: "id", SendTime: begin, UserID: user, Content: content})
		cue, ok := strings.CutPrefix(got, "WEBVTT\n\nid\n00:00:00.000 --> 00:00:05.000\n<v ")
		if !ok || strings.Contains(cue, "\n\n") || strings.Contains(cue, "\r") || strings.Contains(cue, "-->") || strings.Count(cue, "<") != 0 || strings.Count(cue, ">") != 1 {
			t.Errorf("%q, %q: got %q", user, content, got)
		}
	})
}

// FuzzCSV holds that cells come back as they were, apart from a ' in front.
func FuzzCSV(f *testing.F) {
	f.Add("=1,\"\n")
	f.Fuzz(func(t *testing.T, content string) {
		rows, err := csv.NewReader(strings.NewReader(write(t, "csv", export.Message{SendTime: begin, Content: content}))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		want := strings.ReplaceAll(content, "\r\n", "\n") // As the reader does.
		if got := rows[1][3]; got != want && got != "'"+want || got != "" && strings.ContainsAny(got[:1], "=+-@") {
			t.Errorf("%q: got %q", content, got)
		}
	})
}
