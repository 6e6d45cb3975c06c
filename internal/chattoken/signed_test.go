package chattoken_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"confab/internal/chat"
	"confab/internal/chattoken"
)

// signers is a SignerStore that several rings share.
type signers struct {
	mu    sync.Mutex
	all   []chattoken.Signer
	reads int
}

func (s *signers) Signers(context.Context) ([]chattoken.Signer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	return s.all, nil
}

func (s *signers) set(all ...chattoken.Signer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = all
}

type claims = map[string]any

// application signs tokens as an application does, with the standard library alone.
type application struct {
	kid, alg string
	sign     func(input []byte) []byte
	signer   chattoken.Signer
}

const everyRoom = "arn:aws:ivschat:*:*:room/*"

func newSigner(kid, alg string, key []byte) chattoken.Signer {
	return chattoken.Signer{Name: kid, Algorithm: alg, Key: key, Rooms: []string{everyRoom}, Capabilities: []chat.Capability{chat.SendMessage}}
}

func publicKey(t testing.TB, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func hmacApplication(kid string) *application {
	secret := []byte(rand.Text() + rand.Text())
	return &application{kid, "HS256", func(b []byte) []byte { return hs256(secret, b) }, newSigner(kid, "HS256", secret)}
}

func hs256(secret, b []byte) []byte {
	h := hmac.New(sha256.New, secret)
	h.Write(b)
	return h.Sum(nil)
}

func edApplication(t testing.TB, kid string) *application {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &application{kid, "EdDSA", func(b []byte) []byte { return ed25519.Sign(private, b) }, newSigner(kid, "EdDSA", publicKey(t, public))}
}

func ecApplication(t testing.TB, kid string) *application {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &application{kid, "ES256", func(b []byte) []byte {
		sum := sha256.Sum256(b)
		r, s, err := ecdsa.Sign(rand.Reader, private, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	}, newSigner(kid, "ES256", publicKey(t, private.Public()))}
}

func rsaApplication(t testing.TB, kid string) *application {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return &application{kid, "RS256", func(b []byte) []byte {
		sum := sha256.Sum256(b)
		signature, err := rsa.SignPKCS1v15(rand.Reader, private, crypto.SHA256, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		return signature
	}, newSigner(kid, "RS256", publicKey(t, private.Public()))}
}

func part(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// token signs a token whose claims are good but for those of change. A claim that is nil
// is left out.
func (a *application) token(change claims) string {
	now := time.Now()
	all := claims{
		"sub": "ann", "room": hereRoom, "caps": []string{"SEND_MESSAGE"}, "attrs": claims{"name": "Ann"},
		"iat": now.Unix(), "exp": now.Add(time.Minute).Unix(), "session": 30, "jti": rand.Text(),
	}
	maps.Copy(all, change)
	maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
	return a.with(claims{"alg": a.alg, "kid": a.kid, "typ": "JWT"}, part(all))
}

func (a *application) with(header claims, payload string) string {
	input := part(header) + "." + payload
	return input + "." + base64.RawURLEncoding.EncodeToString(a.sign([]byte(input)))
}

var hereRoom = chat.ARN{Region: here.Region, Account: here.Account, Type: chat.RoomResource, ID: "abcDEF123456"}.String()

// newSignedRing makes a ring that knows the applications.
func newSignedRing(t testing.TB, all ...*application) *chattoken.Ring {
	t.Helper()
	store := &signers{}
	for _, a := range all {
		store.all = append(store.all, a.signer)
	}
	o := here
	o.Signers = store
	return newRing(t, &memory{}, o)
}

func TestSigned(t *testing.T) {
	for name, a := range map[string]*application{
		"HS256": hmacApplication("app"), "EdDSA": edApplication(t, "app"), "ES256": ecApplication(t, "app"), "RS256": rsaApplication(t, "app"),
	} {
		t.Run(name+" is a token with what it says", func(t *testing.T) {
			r := newSignedRing(t, a)
			iat := time.Now().Add(-10 * time.Second).Truncate(time.Second).UTC()
			got, err := r.Open(t.Context(), a.token(claims{"iat": iat.Unix(), "exp": iat.Add(5 * time.Minute).Unix()}))
			if err != nil {
				t.Fatal(err)
			}
			room, _ := chat.ParseARN(hereRoom)
			want := &chat.Token{
				ID: got.ID, Room: room,
				Bearer:   chat.Bearer{UserID: "ann", Capabilities: []chat.Capability{chat.SendMessage}, Attributes: map[string]string{"name": "Ann"}},
				IssuedAt: iat, Skew: time.Minute, Expires: iat.Add(6 * time.Minute), SessionExpires: iat.Add(30 * time.Minute),
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("wanted (-), got (+):\n%s", diff)
			}
		})
	}
	a, b := hmacApplication("app"), hmacApplication("other")
	r := newSignedRing(t, a, b)
	open := func(t *testing.T, s string) *chat.Token {
		t.Helper()
		got, err := r.Open(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	t.Run("its id is that of kid and jti alone", func(t *testing.T) {
		first := open(t, a.token(claims{"jti": "1"}))
		again := open(t, a.token(claims{"jti": "1", "sub": "bob", "iat": time.Now().Unix() - 5}))
		if first.ID != again.ID {
			t.Error("two tokens with one jti can both be used")
		}
		if first.ID == open(t, a.token(claims{"jti": "2"})).ID || first.ID == open(t, b.token(claims{"jti": "1"})).ID {
			t.Error("tokens of another jti or kid count as used")
		}
	})
	t.Run("a token without caps, attrs and session views for an hour", func(t *testing.T) {
		got := open(t, a.token(claims{"caps": nil, "attrs": nil, "session": nil}))
		if len(got.Capabilities) > 0 || len(got.Attributes) > 0 || got.SessionExpires.Sub(got.IssuedAt) != time.Hour {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("it cannot be used when its session is over", func(t *testing.T) {
		iat := time.Now().Add(-time.Hour)
		got := open(t, a.token(claims{"iat": iat.Unix(), "exp": iat.Add(24 * time.Hour).Unix(), "session": 30}))
		if got.Expires.After(got.SessionExpires) {
			t.Errorf("it can be used until %s, but the session ends at %s", got.Expires, got.SessionExpires)
		}
	})
	t.Run("clocks may differ by a minute", func(t *testing.T) {
		now := time.Now()
		open(t, a.token(claims{"iat": now.Unix() + 55, "exp": now.Unix() + 100}))
		late := open(t, a.token(claims{"iat": now.Unix() - 100, "exp": now.Unix() - 55}))
		if !now.Before(late.Expires) {
			t.Error("a token that expired within the skew has expired")
		}
	})
	t.Run("claims that it does not know are ignored", func(t *testing.T) {
		open(t, a.token(claims{"iss": "app", "Room": "x", "extra": claims{"a": []int{1}}}))
	})
	t.Run("half of a surrogate pair is U+FFFD", func(t *testing.T) {
		now := time.Now().Unix()
		payload := fmt.Sprintf(`{"sub":"ann\ud83d","room":%q,"iat":%d,"exp":%d,"jti":"\ude00","attrs":{"name":"a\ud83d"},"\ud83d":1}`, hereRoom, now, now+60)
		got := open(t, a.with(claims{"alg": "HS256", "kid": "app"}, base64.RawURLEncoding.EncodeToString([]byte(payload))))
		if got.UserID != "ann\ufffd" || got.Attributes["name"] != "a\ufffd" {
			t.Errorf("got %q and %q", got.UserID, got.Attributes)
		}
	})
	t.Run("sealed tokens are opened as before", func(t *testing.T) { open(t, seal(t, r, token())) })
}

func TestSignedRefuses(t *testing.T) {
	a, ed := hmacApplication("app"), edApplication(t, "ed")
	narrow := hmacApplication("narrow")
	narrow.signer.Rooms = []string{"arn:aws:ivschat:*:*:room/abc*"}
	r := newSignedRing(t, a, ed, narrow)
	refused := func(t *testing.T, s, why string) {
		t.Helper()
		got, err := r.Open(t.Context(), s)
		if got != nil || chat.CodeOf(err) != chat.Unauthenticated || !strings.Contains(err.Error(), why) {
			t.Errorf("got %v and %v, want a refusal with %q", got, err, why)
		}
	}
	now := time.Now().Unix()
	for name, c := range map[string]struct {
		change claims
		why    string
	}{
		"without jti":                       {claims{"jti": nil}, "jti"},
		"with an empty jti":                 {claims{"jti": ""}, "jti"},
		"with a jti that is too long":       {claims{"jti": strings.Repeat("x", 257)}, "jti"},
		"with a jti that is a number":       {claims{"jti": 1}, "jti"},
		"without iat":                       {claims{"iat": nil}, "iat and exp are required"},
		"without exp":                       {claims{"exp": nil}, "iat and exp are required"},
		"with iat as a string":              {claims{"iat": "1"}, "iat must be a number"},
		"with a negative iat":               {claims{"iat": -1}, "iat must be a number"},
		"for a year":                        {claims{"exp": now + 365*86400}, "at most 24 hours"},
		"that ends beyond all time":         {claims{"exp": 1e300}, "exp must be a number"},
		"that ends before it begins":        {claims{"exp": now - 1}, "exp must be after iat"},
		"from the future":                   {claims{"iat": now + 90, "exp": now + 120}, "iat is in the future"},
		"that is not valid yet":             {claims{"nbf": now + 90}, "nbf"},
		"without sub":                       {claims{"sub": nil}, "sub"},
		"with too long a sub":               {claims{"sub": strings.Repeat("ü", 129)}, "sub"},
		"without room":                      {claims{"room": nil}, "room must be the ARN"},
		"with a room that is no ARN":        {claims{"room": "abcDEF123456"}, "room must be the ARN"},
		"with every room":                   {claims{"room": strings.Replace(hereRoom, "abcDEF123456", "*", 1)}, "room must be the ARN"},
		"for a logging configuration":       {claims{"room": strings.Replace(hereRoom, ":room/", ":logging-configuration/", 1)}, "room must be the ARN"},
		"of another account":                {claims{"room": strings.Replace(hereRoom, here.Account, "999999999999", 1)}, "account"},
		"of another region":                 {claims{"room": strings.Replace(hereRoom, here.Region, "eu-west-1", 1)}, "region"},
		"with a capability beyond":          {claims{"caps": []string{"SEND_MESSAGE", "DELETE_MESSAGE"}}, `"DELETE_MESSAGE"`},
		"with a capability of none":         {claims{"caps": []string{"FLY"}}, `"FLY"`},
		"with caps as a string":             {claims{"caps": "SEND_MESSAGE"}, "caps must be an array"},
		"with caps of numbers":              {claims{"caps": []int{1}}, "caps must be an array"},
		"with attrs of numbers":             {claims{"attrs": claims{"a": 1}}, "attrs must be an object of strings"},
		"with attrs beyond 1 KB":            {claims{"attrs": claims{"a": strings.Repeat("x", 1024)}}, "attrs"},
		"with a session of no minutes":      {claims{"session": 0}, "session"},
		"with a session beyond 180":         {claims{"session": 181}, "session"},
		"with a session of half a minute":   {claims{"session": 1.5}, "session"},
		"with a session without an end":     {claims{"session": 1e300}, "session"},
		"with a session that is a duration": {claims{"session": "30m"}, "session"},
	} {
		t.Run(name, func(t *testing.T) { refused(t, a.token(c.change), c.why) })
	}
	t.Run("for a room that the signer lacks", func(t *testing.T) {
		refused(t, narrow.token(claims{"room": strings.Replace(hereRoom, "abcDEF", "xyzDEF", 1)}), "may not sign for this room")
		if _, err := r.Open(t.Context(), narrow.token(nil)); err != nil {
			t.Error(err)
		}
	})
	good := a.token(nil)
	parts := strings.Split(good, ".")
	t.Run("without a signature", func(t *testing.T) {
		for _, alg := range []string{"none", "None", "NONE", ""} {
			refused(t, part(claims{"alg": alg, "kid": "app"})+"."+parts[1]+".", "The signed chat token is not valid")
		}
		refused(t, parts[0]+"."+parts[1]+".", "The signed chat token is not valid")
	})
	t.Run("signed by HMAC with a public key as the secret", func(t *testing.T) {
		forger := &application{kid: "ed", alg: "HS256", sign: func(b []byte) []byte { return hs256(ed.signer.Key, b) }}
		refused(t, forger.token(nil), "no signer has its kid and alg")
	})
	t.Run("with the kid of another key", func(t *testing.T) {
		forger := *narrow
		forger.kid = "app"
		refused(t, forger.token(nil), "its signature is not that of the signer app")
	})
	t.Run("without a kid, or with an unknown one", func(t *testing.T) {
		refused(t, a.with(claims{"alg": "HS256"}, parts[1]), "no signer has its kid and alg")
		refused(t, a.with(claims{"alg": "HS256", "kid": "nobody"}, parts[1]), "no signer has its kid and alg")
	})
	t.Run("with a key of its own in the header", func(t *testing.T) {
		refused(t, a.with(claims{"alg": "EdDSA", "kid": "app", "jwk": claims{"kty": "OKP", "crv": "Ed25519", "x": part("x")}}, parts[1]), "The signed chat token is not valid")
	})
	t.Run("with a critical header that is unknown", func(t *testing.T) {
		refused(t, a.with(claims{"alg": "HS256", "kid": "app", "crit": []string{"x"}, "x": 1}, parts[1]), "The signed chat token is not valid")
	})
	t.Run("whose claims were changed", func(t *testing.T) {
		refused(t, parts[0]+"."+part(claims{"sub": "root"})+"."+parts[2], "its signature is not")
	})
	t.Run("whose claims are no object, or are there twice", func(t *testing.T) {
		for _, payload := range []string{``, `null`, `[]`, `"x"`, `{"sub":"a","sub":"b"}`, `{"sub":"a"`, `{"sub":"a"} {}`, "{\"sub\":\"\xff\"}"} {
			refused(t, a.with(claims{"alg": "HS256", "kid": "app"}, base64.RawURLEncoding.EncodeToString([]byte(payload))), "The signed chat token is not valid")
		}
	})
	t.Run("of more or fewer parts", func(t *testing.T) {
		for _, s := range []string{".", "..", "...", good + ".", good + "." + good, "." + good, parts[0] + "." + parts[1], strings.Repeat("a.", 4000)} {
			refused(t, s, "not valid")
		}
	})
	t.Run("by a server without signers", func(t *testing.T) {
		wantRefused(t, newRing(t, &memory{}, here), good, "no signers")
	})
}

func TestSignerCheck(t *testing.T) {
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ed := edApplication(t, "ed").signer
	for name, c := range map[string]struct {
		change func(*chattoken.Signer)
		why    string
	}{
		"a secret that is too short": {func(s *chattoken.Signer) { s.Algorithm, s.Key = "HS256", []byte("short") }, "32 bytes"},
		"a public key as a secret":   {func(s *chattoken.Signer) { s.Algorithm = "ES256" }, "EdDSA"},
		"no algorithm":               {func(s *chattoken.Signer) { s.Algorithm = "" }, "EdDSA"},
		"no key":                     {func(s *chattoken.Signer) { s.Key = nil }, "PEM"},
		"a private key": {func(s *chattoken.Signer) {
			s.Key = []byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
		}, "private key"},
		"a small RSA key":              {func(s *chattoken.Signer) { s.Key = publicKey(t, small.Public()) }, "2048 bits"},
		"a key of another curve":       {func(s *chattoken.Signer) { s.Key = publicKey(t, curve.Public()) }, "P-256"},
		"no rooms":                     {func(s *chattoken.Signer) { s.Rooms = nil }, "ARN of a room"},
		"rooms that are no ARN":        {func(s *chattoken.Signer) { s.Rooms = []string{"room"} }, "no patterns of ARNs"},
		"a capability that is unknown": {func(s *chattoken.Signer) { s.Capabilities = []chat.Capability{"FLY"} }, "FLY"},
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			s := ed
			c.change(&s)
			if err := s.Check(); err == nil || !strings.Contains(err.Error(), c.why) {
				t.Errorf("got %v, want an error with %q", err, c.why)
			}
		})
	}
	if err := ed.Check(); err != nil {
		t.Error(err)
	}
}

func TestSignersChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &signers{}
		o := here
		o.Signers = store
		r := newRing(t, &memory{}, o)
		defer r.Close()
		a := hmacApplication("app")
		time.Sleep(time.Second)
		store.set(a.signer)
		wantOpen(t, r, a.token(nil)) // At once: an unknown signer is looked for.
		store.set()
		time.Sleep(3 * time.Second)
		if _, err := r.Open(t.Context(), a.token(nil)); err == nil {
			t.Error("3 seconds after its deletion, a signer's token is accepted")
		}
		before := store.reads
		for range 1000 {
			r.Open(t.Context(), a.token(nil)) //nolint:errcheck // It is refused.
			time.Sleep(time.Millisecond)
		}
		if n := store.reads - before; n > 4 {
			t.Errorf("a second of unknown signers caused %d reads", n)
		}
	})
}

func FuzzSigned(f *testing.F) {
	a := hmacApplication("app")
	r := newSignedRing(f, a)
	good := a.token(nil)
	for _, payload := range []string{`{}`, `{"sub":"a","room":"` + hereRoom + `","iat":1,"exp":2,"jti":"x"}`, `{"caps":[],"attrs":{},"session":1e2,"nbf":0.5}`, "null", good} {
		f.Add(payload, []byte{0})
	}
	f.Add("{}", []byte("\r"))
	f.Add("{}", []byte("\n"))
	f.Fuzz(func(t *testing.T, payload string, junk []byte) {
		// What is not signed is refused; what is signed keeps within the bounds.
		for _, s := range []string{payload, payload + ".", string(junk) + "." + payload, good + string(junk)} {
			if got, err := r.Open(t.Context(), s); err == nil && s != good {
				t.Fatalf("%q was opened as %v", s, got)
			}
		}
		got, err := r.Open(t.Context(), a.with(claims{"alg": "HS256", "kid": "app"}, base64.RawURLEncoding.EncodeToString([]byte(payload))))
		if err != nil {
			if chat.CodeOf(err) != chat.Unauthenticated {
				t.Fatalf("refused as %v", err)
			}
			return
		}
		if got.Room.Region != here.Region || got.Room.Account != here.Account || got.UserID == "" || got.Can(chat.DeleteMessage) ||
			got.Expires.After(got.SessionExpires) || got.SessionExpires.Sub(got.IssuedAt) > chat.MaxSession || chat.AttributesSize(got.Attributes) > chat.MaxAttributes {
			t.Fatalf("%q became %+v", payload, got)
		}
	})
}

// BenchmarkOpenSigned is what a signed token costs a handshake more than one of
// CreateChatToken: both are opened in turns, and the processor time of the process is
// measured, which other programs on the machine change little.
func BenchmarkOpenSigned(b *testing.B) {
	for _, a := range []*application{hmacApplication("app"), edApplication(b, "app"), ecApplication(b, "app"), rsaApplication(b, "app")} {
		b.Run(a.alg, func(b *testing.B) {
			r := newSignedRing(b, a)
			var spent [2]time.Duration
			tokens := [2]string{seal(b, r, token()), a.token(nil)}
			const turn = 100
			for done := 0; done < b.N; done += turn {
				for kind, s := range tokens {
					before := processorTime(b)
					for range turn {
						if _, err := r.Open(b.Context(), s); err != nil {
							b.Fatal(err)
						}
					}
					spent[kind] += processorTime(b) - before
				}
			}
			opened := float64((b.N + turn - 1) / turn * turn)
			own, signed := float64(spent[0].Nanoseconds())/opened/1e3, float64(spent[1].Nanoseconds())/opened/1e3
			b.ReportMetric(own, "own-µs")
			b.ReportMetric(signed, "signed-µs")
			b.ReportMetric(signed-own, "more-µs")
		})
	}
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
