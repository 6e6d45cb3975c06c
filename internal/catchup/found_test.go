package catchup_test

import (
	"testing"

	"github.com/go-json-experiment/json"

	"confab/internal/catchup"
	"confab/internal/chat"
)

func TestFoundTravels(t *testing.T) {
	f := catchup.Found{Origin: "a", Version: 7, At: chat.Point{Epoch: 3, Sequence: 4}, Live: true, AsOf: chat.Point{Epoch: 3, Sequence: 9}, Lost: 5, Left: 60e9, Taker: "b"}
	b, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	var got catchup.Found
	if err := json.Unmarshal(b, &got); err != nil || got != f {
		t.Errorf("%+v, %v: %s", got, err, b)
	}
}
