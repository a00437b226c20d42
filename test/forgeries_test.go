package test

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func encode(t *testing.T, value any) []byte {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func unix(at time.Time) string { return strconv.FormatInt(at.Unix(), 10) }

// forgeries are header sets that must not get in, made from genuine ones.
func forgeries(t *testing.T) map[string]http.Header {
	t.Helper()
	now := time.Now()
	alien := "whsec_" + base64.StdEncoding.EncodeToString([]byte("a secret of somebody else's, not of ours"))
	all := map[string]http.Header{"nothing": {}}
	for _, family := range []string{"Webhook-", "Svix-"} {
		genuine := func() http.Header { return signedHeader(t, family, callerSecret, now, ignoredBody) }
		signature := genuine().Get(family + "Signature")
		for part, values := range map[string]map[string][]string{
			"Id": {
				"that is missing": nil, "that is empty": {""}, "of another message": {"msg_2"}, "that comes twice": {"msg_p5jXN8AQM9LWM0D4loKWxJek", "msg_p5jXN8AQM9LWM0D4loKWxJek"},
				"that is huge": {strings.Repeat("x", 4096)}, "with a piece of a body": {`msg_1.1.{"x":"`}, "with a line's end": {"msg_p5jXN8AQM9LWM0D4loKWxJek\n"},
			},
			"Timestamp": {
				"that is missing": nil, "that is empty": {""}, "of a second later": {unix(now.Add(time.Second))}, "that comes twice": {unix(now), unix(now)},
				"that is a word": {"hello"}, "that is negative": {"-" + unix(now)}, "with a plus": {"+" + unix(now)}, "with zeros before it": {"000" + unix(now)},
				"with a space before it": {" " + unix(now)}, "with a fraction": {unix(now) + ".0"}, "in milliseconds": {unix(now) + "000"},
				"out of all bounds": {"99999999999999999999"}, "in hexadecimal": {"0x" + strconv.FormatInt(now.Unix(), 16)}, "with an exponent": {"1e9"},
			},
			"Signature": {
				"that is missing": nil, "that is empty": {""}, "of nothing": {"v1,"}, "that is a version": {"v1"}, "that is no base64": {"v1,%%%"},
				"without its version": {strings.TrimPrefix(signature, "v1,")}, "of version 2": {"v2" + signature[2:]}, "of version 1a": {"v1a" + signature[2:]},
				"of version V1": {"V1" + signature[2:]}, "that is cut": {signature[:len(signature)-4]}, "that is longer": {signature + "AAAA"},
				"without its padding": {strings.TrimRight(signature, "=")}, "with one letter changed": {signature[:10] + string(signature[10]^1) + signature[11:]},
				"after ten others": {strings.Repeat("v1,AAAA ", 10) + signature}, "in a huge header": {signature + " " + strings.Repeat("v", 4096)},
				"that comes twice": {signature, signature}, "before a forged one of its name": {signature, "v1,AAAA"}, "after a forged one of its name": {"v1,AAAA", signature},
			},
		} {
			for says, replacement := range values {
				h := genuine()
				if h.Del(family + part); replacement != nil {
					h[family+part] = replacement
				}
				all[family+part+" "+says] = h
			}
		}
		all[family+" for another body"] = signedHeader(t, family, callerSecret, now, ignoredBody+" ")
		all[family+" with somebody else's secret"] = signedHeader(t, family, alien, now, ignoredBody)
		all[family+" with no secret"] = signedHeader(t, family, "", now, ignoredBody)
		all[family+" of over 5 minutes ago"] = signedHeader(t, family, callerSecret, now.Add(-5*time.Minute-time.Second), ignoredBody)
		all[family+" of over 5 minutes ahead"] = signedHeader(t, family, callerSecret, now.Add(5*time.Minute+time.Minute), ignoredBody)
		all[family+" of 1970"] = signedHeader(t, family, callerSecret, time.Unix(0, 0), ignoredBody)
	}
	for _, part := range []string{"Id", "Timestamp", "Signature"} {
		mixed := signedHeader(t, "Webhook-", callerSecret, now, ignoredBody)
		mixed["Svix-"+part] = mixed["Webhook-"+part]
		delete(mixed, "Webhook-"+part)
		all["the "+part+" of the other family"] = mixed
	}
	for says, value := range map[string]string{
		"empty": "", "cut": callerToken[:len(callerToken)-1], "longer": callerToken + "!", "in upper case": strings.ToUpper(callerToken),
		"the team key": teamKey, "the webhook secret": callerSecret, "two, joined": callerToken + "," + callerToken, "huge": strings.Repeat(callerToken, 200),
	} {
		all["a token that is "+says] = http.Header{"Authorization": {"Bearer " + value}}
		all["an SDK's key that is "+says] = http.Header{"X-Vital-Api-Key": {value}}
	}
	all["a token without a scheme"] = http.Header{"Authorization": {callerToken}}
	all["a token of another scheme"] = http.Header{"Authorization": {"Basic " + callerToken}}
	all["a token in a cookie"] = http.Header{"Cookie": {callerToken}}
	return all
}

// refusal is what of an answer must be the same for all who are refused.
func refusal(t *testing.T, got knocked) map[string]any {
	t.Helper()
	readResult(t, []byte(got.body))
	body := decode[map[string]any](t, []byte(got.body))
	for _, own := range []string{"request_id", "completed_at", "duration_ms"} {
		delete(body, own)
	}
	return map[string]any{"status": got.status, "header": got.header, "body": body}
}

func refuseAll(t *testing.T, open door, sendable func(http.Header) bool) {
	t.Helper()
	cases := forgeries(t)
	if got := open(t, "/webhooks", signedHeader(t, "Svix-", callerSecret, time.Now(), ignoredBody), ignoredBody); got.status != http.StatusOK {
		t.Fatalf("a genuine one is answered %d %s", got.status, got.body)
	}
	want := refusal(t, open(t, "/webhooks", http.Header{}, ignoredBody))
	tried := 0
	for _, says := range slices.Sorted(maps.Keys(cases)) {
		if !sendable(cases[says]) {
			continue
		}
		tried++
		got := open(t, "/webhooks", cases[says], ignoredBody)
		if got.status != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", says, got.status, got.body)
		} else if same := refusal(t, got); !reflect.DeepEqual(same, want) {
			t.Errorf("%s is refused in another way:\n%v\n%v", says, same, want)
		}
	}
	if tried < 40 {
		t.Errorf("%d header sets were tried, want 40 at least", tried)
	}
}

func TestNoForgedHeadersGetPastServe(t *testing.T) {
	t.Parallel()
	_, open := serveDoor(t)
	refuseAll(t, open, func(header http.Header) bool {
		for _, values := range header { // what HTTP itself forbids or drops never gets there
			for _, value := range values {
				if strings.TrimSpace(value) != value {
					return false
				}
			}
		}
		return true
	})
}

func TestNoForgedHeadersGetPastTheFunction(t *testing.T) {
	t.Parallel()
	function := guardedLambda(t, callerBundle)
	for _, behind := range []door{httpAPIDoor(function), restAPIDoor(function)} {
		refuseAll(t, behind, func(http.Header) bool { return true })
	}
}
