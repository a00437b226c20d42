package callers

import (
	"encoding/base64"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/test/harness"
)

// forgeries returns header sets that must be refused, by name, most of them made from genuine ones.
func forgeries(t *testing.T) map[string]http.Header {
	t.Helper()
	all := map[string]http.Header{"nothing": {}}
	now := time.Now()
	for _, prefix := range []string{"Webhook-", "Svix-"} {
		maps.Copy(all, changedHeaders(t, prefix, now))
		maps.Copy(all, signedWrongly(t, prefix, now))
	}
	for _, part := range []string{"Id", "Timestamp", "Signature"} {
		mixed := signedHeader(t, "Webhook-", now, harness.IgnoredWebhook)
		mixed["Svix-"+part] = mixed["Webhook-"+part]
		delete(mixed, "Webhook-"+part)
		all["the "+part+" of the other scheme"] = mixed
	}
	maps.Copy(all, wrongTokens())
	return all
}

// changedHeaders are genuine headers of which one was replaced.
func changedHeaders(t *testing.T, prefix string, now time.Time) map[string]http.Header {
	t.Helper()
	genuine := func() http.Header { return signedHeader(t, prefix, now, harness.IgnoredWebhook) }
	all := map[string]http.Header{}
	for part, values := range map[string]map[string][]string{
		"Id":        changedIDs(),
		"Timestamp": changedTimestamps(now),
		"Signature": changedSignatures(genuine().Get(prefix + "Signature")),
	} {
		for change, replacement := range values {
			h := genuine()
			if h.Del(prefix + part); replacement != nil {
				h[prefix+part] = replacement
			}
			all[prefix+part+" "+change] = h
		}
	}
	return all
}

func changedIDs() map[string][]string {
	return map[string][]string{
		"missing": nil, "empty": {""}, "of another message": {"msg_2"}, "twice": {harness.WebhookID, harness.WebhookID},
		"huge": {strings.Repeat("x", 4096)}, "with a piece of a body": {`msg_1.1.{"x":"`}, "with a line feed": {harness.WebhookID + "\n"},
	}
}

func changedTimestamps(now time.Time) map[string][]string {
	seconds := unix(now)
	return map[string][]string{
		"missing": nil, "empty": {""}, "a second later": {unix(now.Add(time.Second))}, "twice": {seconds, seconds},
		"a word": {"hello"}, "negative": {"-" + seconds}, "with a plus sign": {"+" + seconds}, "with leading zeros": {"000" + seconds},
		"with a leading space": {" " + seconds}, "with a fraction": {seconds + ".0"}, "in milliseconds": {seconds + "000"},
		"out of range": {"99999999999999999999"}, "hexadecimal": {"0x" + strconv.FormatInt(now.Unix(), 16)}, "with an exponent": {"1e9"},
	}
}

func changedSignatures(signature string) map[string][]string {
	return map[string][]string{
		"missing": nil, "empty": {""}, "of nothing": {"v1,"}, "only a version": {"v1"}, "not base64": {"v1,%%%"},
		"without its version": {strings.TrimPrefix(signature, "v1,")}, "of version 2": {"v2" + signature[2:]}, "of version 1a": {"v1a" + signature[2:]},
		"of version V1": {"V1" + signature[2:]}, "truncated": {signature[:len(signature)-4]}, "longer": {signature + "AAAA"},
		"without its padding": {strings.TrimRight(signature, "=")}, "with one letter changed": {signature[:10] + string(signature[10]^1) + signature[11:]},
		"after ten others": {strings.Repeat("v1,AAAA ", 10) + signature}, "in a huge header": {signature + " " + strings.Repeat("v", 4096)},
		"twice": {signature, signature}, "before a forged header": {signature, "v1,AAAA"}, "after a forged header": {"v1,AAAA", signature},
	}
}

// signedWrongly are headers with a well-formed signature over something else, or with another secret.
func signedWrongly(t *testing.T, prefix string, now time.Time) map[string]http.Header {
	t.Helper()
	const body = harness.IgnoredWebhook
	stranger := "whsec_" + base64.StdEncoding.EncodeToString([]byte("a secret of somebody else's, not of ours"))
	return map[string]http.Header{
		prefix + " for another body":            signedHeader(t, prefix, now, body+" "),
		prefix + " with somebody else's secret": harness.SignedHeader(t, prefix, stranger, now, body),
		prefix + " with an empty secret":        harness.SignedHeader(t, prefix, "", now, body),
		prefix + " of over 5 minutes ago":       signedHeader(t, prefix, now.Add(-5*time.Minute-time.Second), body),
		prefix + " of over 5 minutes ahead":     signedHeader(t, prefix, now.Add(5*time.Minute+time.Minute), body),
		prefix + " of 1970":                     signedHeader(t, prefix, time.Unix(0, 0), body),
	}
}

func wrongTokens() map[string]http.Header {
	const token = harness.Token
	all := map[string]http.Header{
		"a token without a scheme":  {"Authorization": {token}},
		"a token of another scheme": {"Authorization": {"Basic " + token}},
		"a token in a cookie":       {"Cookie": {token}},
	}
	for change, value := range map[string]string{
		"empty": "", "truncated": token[:len(token)-1], "longer": token + "!", "in upper case": strings.ToUpper(token),
		"the team key": harness.TeamKey, "the webhook secret": harness.WebhookSecret, "two, joined": token + "," + token, "huge": strings.Repeat(token, 200),
	} {
		all["a token that is "+change] = http.Header{"Authorization": {"Bearer " + value}}
		all["an SDK's key that is "+change] = http.Header{"X-Vital-Api-Key": {value}}
	}
	return all
}

func unix(at time.Time) string { return strconv.FormatInt(at.Unix(), 10) }

func TestForgedHeadersAreRefusedByServe(t *testing.T) {
	t.Parallel()
	checkForgeriesAreRefused(t, harness.ServeCallers(t).Post, canBeSent)
}

// canBeSent reports whether HTTP passes headers on as they are: it forbids or drops space around a value.
func canBeSent(header http.Header) bool {
	return !slices.ContainsFunc(slices.Concat(slices.Collect(maps.Values(header))...), func(value string) bool { return strings.TrimSpace(value) != value })
}

func TestForgedHeadersAreRefusedByTheFunction(t *testing.T) {
	t.Parallel()
	f := harness.New(t, harness.WithCallers(), harness.WithSimulator())
	for api, post := range map[string]harness.Post{"HTTP API": f.PostHTTPAPI, "REST API": f.PostRESTAPI} {
		t.Run(api, func(t *testing.T) {
			checkForgeriesAreRefused(t, post, func(http.Header) bool { return true })
		})
	}
}
