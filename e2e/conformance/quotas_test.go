package conformance

import (
	"net/http"
	"testing"
)

// TestQuotas holds a server with the numbers of the quotas page against them.
func TestQuotas(t *testing.T) {
	t.Parallel()
	if own == nil {
		return
	}
	s := startServer(t, "--quotas", "aws")
	e := endpointOf(s)
	room := created(t, e.callKept(t, "CreateRoom", m{}))
	t.Run("Quotas", func(t *testing.T) {
		for _, c := range []struct {
			operation string
			members   m
			rate      int
			resource  string // that the refusal names
		}{
			{"GetRoom", m{"identifier": room.arn}, 5, ""},
			{"ListRooms", m{}, 5, ""},
			{"UpdateRoom", m{"identifier": room.arn, "name": "x"}, 5, ""},
			{"ListLoggingConfigurations", m{}, 3, ""},
			{"CreateChatToken", m{"roomIdentifier": room.arn, "userId": "u"}, 200, ""},
			{"SendEvent", m{"roomIdentifier": room.arn, "eventName": "e"}, 100, room.id},
			{"DeleteMessage", m{"roomIdentifier": room.arn, "id": noID}, 100, room.id},
			{"DisconnectUser", m{"roomIdentifier": room.arn, "userId": "absent"}, 100, room.id},
		} {
			check(t, c.operation+" is throttled", func(t *testing.T) {
				accepted, throttled := 0, 0
				// A machine that is busy with other things may be too slow for the
				// rate, but not every time.
				for try := 0; try < 5 && throttled == 0; try++ {
					for _, r := range e.burst(t, 3*c.rate, c.operation, c.members) {
						if r.status == http.StatusOK {
							accepted++
							continue
						}
						o := r.wantError(t, "ThrottlingException", http.StatusTooManyRequests)
						throttled++
						if c.resource != "" {
							wantMembers(t, o, "message", "resourceId", "resourceType", "limit")
							wantValue(t, o, "limit", float64(c.rate))
							wantValue(t, o, "resourceType", "ROOM")
						}
					}
				}
				if accepted < c.rate || throttled == 0 {
					t.Errorf("%d accepted and %d throttled at %d a second", accepted, throttled, c.rate)
				}
			})
		}
	})
	check(t, "an eleventh logging configuration is refused", func(t *testing.T) {
		members := m{"destinationConfiguration": m{"s3": m{"bucketName": "chat-logs"}}}
		for made := 0; made < 10; {
			switch r := e.callKept(t, "CreateLoggingConfiguration", members); r.status {
			case http.StatusOK:
				made++
			case http.StatusTooManyRequests: // 3 a second: try again.
			default:
				r.want(t, http.StatusOK)
			}
		}
		for {
			r := e.callKept(t, "CreateLoggingConfiguration", members)
			if r.status == http.StatusTooManyRequests {
				continue
			}
			o := r.wantError(t, "ServiceQuotaExceededException", http.StatusPaymentRequired)
			wantMembers(t, o, "message", "resourceId", "resourceType", "limit")
			wantValue(t, o, "limit", 10.0)
			return
		}
	})
}
