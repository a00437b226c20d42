package observe

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/result"
)

// daemonHeader precedes each document that the X-Ray daemon is sent:
// https://docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html#xray-api-daemon
const daemonHeader = `{"format": "json", "version": 1}` + "\n"

// NewTraces returns an observer that sends X-Ray a subsegment for each refresh that called Junction, if its trace is
// sampled. daemon is the X-Ray daemon that Lambda runs: each Write is a datagram. A datagram that is lost fails
// nothing.
func NewTraces(daemon io.Writer) Observer { return &traces{daemon: daemon} }

type traces struct {
	Nop
	daemon io.Writer
}

// subsegment is a segment document:
// https://docs.aws.amazon.com/xray/latest/devguide/xray-api-segmentdocuments.html
type subsegment struct {
	Type      string  `json:"type"`
	ID        string  `json:"id"`
	TraceID   string  `json:"trace_id"`
	ParentID  string  `json:"parent_id"`
	Name      string  `json:"name"`
	Namespace string  `json:"namespace"`
	Start     float64 `json:"start_time"` // seconds since 1970
	End       float64 `json:"end_time"`
	HTTP      struct {
		Request struct {
			Method string `json:"method"`
		} `json:"request"`
		Response struct {
			Status int `json:"status,omitempty"`
		} `json:"response"`
	} `json:"http"`
	Error       bool           `json:"error,omitempty"`    // 4xx
	Throttle    bool           `json:"throttle,omitempty"` // 429
	Fault       bool           `json:"fault,omitempty"`    // 5xx, or no answer
	Annotations map[string]any `json:"annotations"`
}

// Refreshed implements Observer.
func (t *traces) Refreshed(_ context.Context, from Origin, out result.Result) {
	parent := from.trace("Parent=")
	if out.Attempts == 0 || out.Coalesced || out.StartedAt.IsZero() || parent == "" || from.trace("Sampled=") != "1" {
		return
	}
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails
	s := subsegment{
		Type: "subsegment", ID: hex.EncodeToString(id[:]), TraceID: from.TraceID(), ParentID: parent,
		Name: "Junction", Namespace: "remote",
		Start:       seconds(out.StartedAt),
		End:         seconds(out.StartedAt.Add(time.Duration(out.DurationMS) * time.Millisecond)),
		Annotations: map[string]any{"status": out.Status, "attempts": out.Attempts},
	}
	s.HTTP.Request.Method, s.HTTP.Response.Status = http.MethodPost, out.UpstreamStatus
	if f := out.Failure(); f != nil {
		s.Annotations["error_code"] = f.Code
		s.Throttle = out.UpstreamStatus == http.StatusTooManyRequests
		s.Error = out.UpstreamStatus >= 400 && out.UpstreamStatus < 500
		s.Fault = !s.Error
	}
	if document, err := json.Marshal(s); err == nil {
		_, _ = t.daemon.Write(append([]byte(daemonHeader), document...))
	}
}

func seconds(at time.Time) float64 { return float64(at.UnixMilli()) / 1000 }
