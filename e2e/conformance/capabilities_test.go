package conformance

import (
	"testing"
)

func TestCapabilities(t *testing.T) {
	t.Parallel()
	requests := map[string]string{
		"SEND_MESSAGE":    `{"Action":"SEND_MESSAGE","RequestId":"r","Content":"x"}`,
		"DELETE_MESSAGE":  `{"Action":"DELETE_MESSAGE","RequestId":"r","Id":"AAAAAAAAAAAA"}`,
		"DISCONNECT_USER": `{"Action":"DISCONNECT_USER","RequestId":"r","UserId":"absent"}`,
	}
	for action, request := range requests {
		for _, capability := range all {
			name := action + " with " + capability
			if action == capability {
				check(t, name+" is allowed", func(t *testing.T) {
					s := join(t, newRoom(t, nil), "u", capability)
					s.write(t, request)
					if f := s.next(t); f.Type == "ERROR" {
						t.Errorf("frame %s", f.raw)
					}
				})
				continue
			}
			check(t, name+" is forbidden", func(t *testing.T) {
				room := newRoom(t, nil)
				s := join(t, room, "u", capability)
				s.write(t, request)
				if f := s.nextError(t, 403); f.RequestID != "r" {
					t.Errorf("frame %s", f.raw)
				}
				s.wantQuiet(t, room)
			})
		}
		check(t, action+" without any is forbidden", func(t *testing.T) {
			s := join(t, newRoom(t, nil), "u")
			s.write(t, request)
			s.nextError(t, 403)
		})
	}
	for name, c := range map[string]struct {
		request string
		code    int
	}{
		"before fields/no content":              {`{"Action":"SEND_MESSAGE"}`, 403},
		"before fields/content too long":        {`{"Action":"SEND_MESSAGE","Content":"` + letters(501) + `"}`, 403},
		"before fields/attributes too large":    {`{"Action":"SEND_MESSAGE","Content":"x","Attributes":{"k":"` + letters(1024) + `"}}`, 403},
		"before fields/an id of the wrong form": {`{"Action":"DELETE_MESSAGE","Id":"x"}`, 403},
		"before fields/no user":                 {`{"Action":"DISCONNECT_USER"}`, 403},
		"after the action/unknown":              {`{"Action":"SHOUT"}`, 400},
		"after the action/missing":              {`{}`, 400},
		"after parsing/not JSON":                {`x`, 400},
	} {
		check(t, "is checked "+name, func(t *testing.T) {
			s := join(t, newRoom(t, nil), "viewer")
			s.write(t, c.request)
			s.nextError(t, c.code)
		})
	}
}
