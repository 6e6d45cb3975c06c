package origin_test

import (
	"testing"

	"confab/internal/origin"
)

func TestLoopbackHost(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "localhost:8080": true, "LOCALHOST:1": true, "localhost.:80": true, "app.localhost:3000": true,
		"127.0.0.1": true, "127.0.0.1:8080": true, "127.9.9.9": true, "[::1]": true, "[::1]:8080": true, "::1": true,
		"[::ffff:127.0.0.1]:80": true,
		"":                      false, "evil.example": false, "evil.example:8080": false, "localhost.evil.example": false, "notlocalhost": false,
		"127.0.0.1.evil.example": false, "0.0.0.0:8080": false, "[::]:80": false, "10.0.0.1": false, "127.1": false, "[2001:db8::1]": false,
		"localhost:80:80": false, "localhost@evil.example": false,
	} {
		if got := origin.LoopbackHost(host); got != want {
			t.Errorf("%q is %v, want %v", host, got, want)
		}
	}
}

func TestList(t *testing.T) {
	for _, tt := range []struct {
		list   origin.List
		origin string
		want   bool
	}{
		{origin.List{"*"}, "https://evil.example", true},
		{origin.List{"*"}, "null", true},
		{origin.List{"https://a.example"}, "https://a.example", true},
		{origin.List{"https://a.example"}, "http://a.example", false},
		{origin.List{"https://a.example"}, "http://localhost", false},
		{origin.List{"loopback"}, "http://localhost:3000", true},
		{origin.List{"loopback"}, "https://127.0.0.1", true},
		{origin.List{"loopback"}, "http://[::1]:5173", true},
		{origin.List{"loopback"}, "http://app.localhost:3000", true},
		{origin.List{"loopback"}, "capacitor://localhost", true},
		{origin.List{"loopback"}, "https://evil.example", false},
		{origin.List{"loopback"}, "https://localhost.evil.example", false},
		{origin.List{"loopback"}, "https://localhost@evil.example", false},
		{origin.List{"loopback"}, "null", false},
		{origin.List{"loopback"}, "loopback", false},
		{origin.List{"loopback"}, "file://", false},
		{origin.List{"loopback", "https://a.example"}, "https://a.example", true},
		{nil, "http://localhost", false},
	} {
		if got := tt.list.Allows(tt.origin); got != tt.want {
			t.Errorf("%v allows %q: %v", tt.list, tt.origin, got)
		}
	}
}

func FuzzLoopbackHost(f *testing.F) {
	for _, s := range []string{"localhost:1", "[::1]:2", "evil.example", "[fe80::1%lo]", "[0:0::1%lo"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, host string) {
		if origin.LoopbackHost(host + ".evil.example:80") {
			t.Errorf("%q below another name is a loopback host", host)
		}
	})
}
