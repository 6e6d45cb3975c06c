package protocol

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"confab/internal/chat"
	"confab/internal/messaging"
	"confab/internal/view"
)

// filled sets every field of a value to something, so that a field that the wire forgets
// is noticed.
func filled(v reflect.Value, path string) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		filled(v.Elem(), path)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(1700000000+int64(len(path)), 123456789).UTC()))
			return
		}
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() { // Others are for the home alone.
				filled(v.Field(i), path+"."+f.Name)
			}
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for i := range 3 {
			v.SetMapIndex(reflect.ValueOf(fmt.Sprint(path, i)), reflect.ValueOf(fmt.Sprint(i, path)))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			filled(v.Index(i), fmt.Sprint(path, i))
		}
	case reflect.String:
		v.SetString(path)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(-int64(1000 + len(path)))
	case reflect.Uint64:
		v.SetUint(1 << 40)
	default:
		panic(path + " has a kind that this test does not know")
	}
}

func fullQuestion() DoQuestion {
	var q DoQuestion
	filled(reflect.ValueOf(&q).Elem(), "q")
	q.Op.Room.Name, q.Op.Sender = "", "" // These stay behind.
	return q
}

func fullAnswer() DoAnswer {
	a := DoAnswer{Error: &Error{}}
	filled(reflect.ValueOf(a.Error).Elem(), "e")
	return a
}

func TestQuestionToHome(t *testing.T) {
	empty := DoQuestion{Op: messaging.Operation{Attributes: map[string]string{}, Received: time.Time{}}}
	for name, want := range map[string]DoQuestion{"with everything": fullQuestion(), "empty": empty} {
		for form, compact := range map[string]bool{"compact": true, "JSON": false} {
			t.Run(name+" as "+form, func(t *testing.T) {
				data, err := want.Bytes(compact)
				if err != nil {
					t.Fatal(err)
				}
				for later, data := range map[string][]byte{"": data, "of a later release: ": append(slices.Clip(data), 3, 'n', 'e', 'w')} {
					if later != "" && !compact {
						continue
					}
					got, err := ReadDoQuestion(data)
					if err != nil {
						t.Fatal(later, err)
					}
					if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(messaging.Operation{})); diff != "" {
						t.Error(later, diff)
					}
				}
			})
		}
	}
}

func TestAnswerOfHome(t *testing.T) {
	for name, want := range map[string]DoAnswer{
		"done": {ID: "abcdefABCDEF"}, "moved": {Moved: true}, "kicked": {Kicked: true}, "error": fullAnswer(),
	} {
		for form, compact := range map[string]bool{"compact": true, "JSON": false} {
			t.Run(name+" as "+form, func(t *testing.T) {
				data, err := want.Bytes(compact)
				if err != nil {
					t.Fatal(err)
				}
				got, err := ReadDoAnswer(data)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

func TestCompactAck(t *testing.T) {
	want := Ack{From: "node-1_ABC", View: view.ID{Number: 7, Coordinator: "node-2_DEF"}, Count: 1 << 40}
	got, err := ReadAck(want.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// FuzzCompact feeds the readers of the compact form what other nodes may send: what they
// accept is written the same way again.
func FuzzCompact(f *testing.F) {
	q, a := fullQuestion(), fullAnswer()
	done, ack := DoAnswer{ID: "abcdefABCDEF"}, Ack{From: "a", View: view.ID{Number: 1, Coordinator: "b"}, Count: 3}
	for _, seed := range [][]byte{q.encode(), a.encode(), done.encode(), ack.Encode()} {
		f.Add(seed[1:]) // The fuzzer changes what is behind the version.
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		data = append([]byte{CompactVersion}, data...)
		if q, err := ReadDoQuestion(data); err == nil {
			same(t, q, q.encode(), ReadDoQuestion)
		}
		if a, err := ReadDoAnswer(data); err == nil {
			same(t, a, a.encode(), ReadDoAnswer)
		}
		if a, err := ReadAck(data); err == nil {
			same(t, a, a.Encode(), ReadAck)
		}
	})
}

func same[T any](t *testing.T, want T, data []byte, read func([]byte) (T, error)) {
	t.Helper()
	got, err := read(data)
	if err != nil {
		t.Fatal(err)
	}
	sameTime := cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })
	if diff := cmp.Diff(want, got, sameTime, cmpopts.IgnoreUnexported(messaging.Operation{})); diff != "" {
		t.Error(diff)
	}
}

// BenchmarkQuestion compares the forms of a message on its way to its home.
func BenchmarkQuestion(b *testing.B) {
	q := DoQuestion{View: view.ID{Number: 7, Coordinator: "node-1_ABC"}, Op: messaging.Operation{
		Action: chat.ActionSendMessage, ID: "abcdefABCDEF", RoomID: "ABCDEFabcdef", RequestID: "bench",
		Room:     &chat.Room{MaximumMessageLength: 500, MaximumMessageRatePerSecond: 10, CreateTime: time.Unix(1, 0), UpdateTime: time.Unix(1, 0)},
		Received: time.Now(), UserID: "user", Content: "a hundred letters", SenderIP: "192.0.2.1",
	}}
	for form, compact := range map[string]bool{"compact": true, "JSON": false} {
		b.Run(form, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				data, err := q.Bytes(compact)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := ReadDoQuestion(data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
