package auth_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/auth"
	"github.com/junction-refresh/junction-refresh/internal/result"
	"github.com/junction-refresh/junction-refresh/internal/secret"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

var (
	first  = "whsec_" + base64.StdEncoding.EncodeToString([]byte("the first of two webhook secrets"))
	second = "whsec_" + base64.StdEncoding.EncodeToString([]byte("the other of two webhook secrets"))
	alien  = "whsec_" + base64.StdEncoding.EncodeToString([]byte("a secret of somebody else's, ours"))
)

const (
	token = "a-token-for-tests-1"
	body  = `{"user_id":"1449752e-0d8a-40e0-9206-91ab099b2537"}`
)

// secrets is a bundle, or the failure to read one.
type secrets struct {
	bundle secret.Bundle
	err    error
	reads  int
}

func (s *secrets) Bundle(context.Context) (secret.Bundle, error) { s.reads++; return s.bundle, s.err }

func bundle(t *testing.T, webhookSecrets, tokens string) *secrets {
	t.Helper()
	b, err := secret.ParseBundle(`{"api_key":"sk_us_a_team_key_for_tests","webhook_secrets":[` + webhookSecrets + `],"tokens":[` + tokens + `]}`)
	if err != nil {
		t.Fatal(err)
	}
	return &secrets{bundle: b}
}

// both is a bundle with two webhook secrets and two tokens.
func both(t *testing.T) *secrets {
	t.Helper()
	return bundle(t, strconv.Quote(first)+","+strconv.Quote(second), `"another-token-for-tests",`+strconv.Quote(token))
}

// sign returns the headers of a signed body under a prefix.
func sign(t *testing.T, prefix, with string, at time.Time, content string) http.Header {
	t.Helper()
	signed, err := auth.Sign(sensitive.New(with), "msg_1", at, []byte(content))
	if err != nil {
		t.Fatal(err)
	}
	h := http.Header{}
	for name, values := range signed {
		h[prefix+strings.TrimPrefix(name, "Svix-")] = values
	}
	return h
}

func hook(h http.Header) auth.Call {
	return auth.Call{Header: h, Webhook: true, Body: func() ([]byte, error) { return []byte(body), nil }}
}

func code(err error) result.Code {
	if err == nil {
		return ""
	}
	return result.AsFailure(err).Code
}

func TestASignedWebhookIsLetIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := auth.New([]string{"signature"}, both(t))
		now := time.Now()
		forged := "v1," + base64.StdEncoding.EncodeToString(make([]byte, 32))
		several := sign(t, "Webhook-", second, now, body)
		several.Set("Webhook-Signature", forged+" v1a,x v2,y "+several.Get("Webhook-Signature")+" "+forged)
		twice := sign(t, "Svix-", first, now, body)
		for name, values := range sign(t, "Webhook-", alien, now, body) {
			twice[name] = values
		}
		for name, h := range map[string]http.Header{
			"under Standard Webhooks' names":             sign(t, "Webhook-", first, now, body),
			"under Svix's names":                         sign(t, "Svix-", first, now, body),
			"with the second secret, during a rotation":  sign(t, "Svix-", second, now, body),
			"5 minutes ago":                              sign(t, "Svix-", first, now.Add(-5*time.Minute), body),
			"5 minutes ahead":                            sign(t, "Svix-", first, now.Add(5*time.Minute), body),
			"with one matching signature of several":     several,
			"by one family where the other is a forgery": twice,
		} {
			if _, err := g.Admit(t.Context(), hook(h)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// forgeries are at least 40 header sets that must not pass, made from a genuine one.
func forgeries(t *testing.T, now time.Time) map[string]http.Header {
	t.Helper()
	cases := map[string]http.Header{"no headers": {}}
	for _, prefix := range []string{"Webhook-", "Svix-"} {
		change := func(name string, edit func(h http.Header, id, timestamp, signature string)) {
			h := sign(t, prefix, first, now, body)
			edit(h, prefix+"Id", prefix+"Timestamp", prefix+"Signature")
			cases[prefix+" "+name] = h
		}
		set := func(name, value string) func(http.Header, string, string, string) {
			return func(h http.Header, id, timestamp, signature string) {
				h[map[string]string{"id": id, "timestamp": timestamp, "signature": signature}[name]] = []string{value}
			}
		}
		change("without an ID", func(h http.Header, id, _, _ string) { h.Del(id) })
		change("without a time", func(h http.Header, _, at, _ string) { h.Del(at) })
		change("without a signature", func(h http.Header, _, _, s string) { h.Del(s) })
		change("with an empty ID", set("id", ""))
		change("with an empty time", set("timestamp", ""))
		change("with an empty signature", set("signature", ""))
		change("with another ID", set("id", "msg_2"))
		change("with a part of a body in the ID", set("id", `msg_1.1.{"x":"`))
		change("with a line break in the ID", set("id", "msg_1\n"))
		change("with a huge ID", set("id", strings.Repeat("x", 4096)))
		change("with another time", set("timestamp", strconv.FormatInt(now.Unix()+1, 10)))
		change("with a time that is no number", set("timestamp", "now"))
		change("with a negative time", set("timestamp", "-1"))
		change("with a signed time", func(h http.Header, _, at, _ string) { h[at] = []string{"+" + h[at][0]} })
		change("with zeros before the time", func(h http.Header, _, at, _ string) { h[at] = []string{"000" + h[at][0]} })
		change("with a space before the time", func(h http.Header, _, at, _ string) { h[at] = []string{" " + h[at][0]} })
		change("with a fraction of a second", func(h http.Header, _, at, _ string) { h[at][0] += ".0" })
		change("with a time in milliseconds", func(h http.Header, _, at, _ string) { h[at][0] += "000" })
		change("with a time out of all bounds", set("timestamp", "99999999999999999999"))
		change("with a signature of nothing", set("signature", "v1,"))
		change("with a version alone", set("signature", "v1"))
		change("with a signature that is no base64", set("signature", "v1,%%%"))
		change("without a version", func(h http.Header, _, _, s string) { h[s][0] = strings.TrimPrefix(h[s][0], "v1,") })
		change("of another version", func(h http.Header, _, _, s string) { h[s][0] = "v2" + strings.TrimPrefix(h[s][0], "v1") })
		change("of an asymmetric version", func(h http.Header, _, _, s string) { h[s][0] = "v1a" + strings.TrimPrefix(h[s][0], "v1") })
		change("with a version in upper case", func(h http.Header, _, _, s string) { h[s][0] = "V1" + strings.TrimPrefix(h[s][0], "v1") })
		change("with a truncated signature", func(h http.Header, _, _, s string) { h[s][0] = h[s][0][:len(h[s][0])-4] })
		change("with a longer signature", func(h http.Header, _, _, s string) { h[s][0] += "AAAA" })
		change("with one character changed", func(h http.Header, _, _, s string) {
			h[s][0] = h[s][0][:10] + string(h[s][0][10]^1) + h[s][0][11:]
		})
		change("with more than ten signatures", func(h http.Header, _, _, s string) {
			h[s][0] = strings.Repeat("v1,AAAA ", 10) + h[s][0]
		})
		change("with a huge signature header", func(h http.Header, _, _, s string) { h[s][0] += " " + strings.Repeat("v", 4096) })
		change("with two IDs", func(h http.Header, id, _, _ string) { h[id] = []string{"msg_1", "msg_1"} })
		change("with two times", func(h http.Header, _, at, _ string) { h[at] = append(h[at], h[at][0]) })
		change("with two signature headers", func(h http.Header, _, _, s string) { h[s] = append([]string{"v1,AAAA"}, h[s]...) })
		cases[prefix+" of another body"] = sign(t, prefix, first, now, body+" ")
		cases[prefix+" with a secret of somebody else"] = sign(t, prefix, alien, now, body)
		cases[prefix+" of over 5 minutes ago"] = sign(t, prefix, first, now.Add(-5*time.Minute-time.Second), body)
		cases[prefix+" of over 5 minutes ahead"] = sign(t, prefix, first, now.Add(5*time.Minute+time.Second), body)
		cases[prefix+" of 1970"] = sign(t, prefix, first, time.Unix(0, 0), body)
	}
	for _, part := range []string{"Id", "Timestamp", "Signature"} {
		mixed := sign(t, "Webhook-", first, now, body)
		mixed["Svix-"+part] = mixed["Webhook-"+part]
		mixed.Del("Webhook-" + part)
		cases["with its "+part+" from the other family"] = mixed
	}
	return cases
}

func TestNoForgedStaleMixedTruncatedOrDuplicatedSetOfHeadersGetsIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := auth.New([]string{"signature", "token", "iam"}, both(t))
		cases := forgeries(t, time.Now())
		if len(cases) < 40 {
			t.Errorf("%d cases, want at least 40", len(cases))
		}
		_, refused := g.Admit(t.Context(), hook(http.Header{}))
		want := refused.Error()
		for name, h := range cases {
			if _, err := g.Admit(t.Context(), hook(h)); code(err) != result.Unauthenticated || err.Error() != want {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestASignatureCountsOnTheWebhookRouteAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		call := hook(sign(t, "Svix-", first, time.Now(), body))
		call.Webhook = false
		if _, err := auth.New([]string{"signature"}, both(t)).Admit(t.Context(), call); code(err) != result.Unauthenticated {
			t.Error(err)
		}
	})
}

func TestABodyThatCannotBeReadIsRefusedAsAnyOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		call := hook(sign(t, "Svix-", first, time.Now(), body))
		call.Body = func() ([]byte, error) { return nil, errors.New("not base64") }
		if _, err := auth.New([]string{"signature"}, both(t)).Admit(t.Context(), call); code(err) != result.Unauthenticated {
			t.Error(err)
		}
	})
}

func TestATokenIsTakenFromEitherHeaderOnEveryRoute(t *testing.T) {
	g := auth.New([]string{"token"}, both(t))
	for name, h := range map[string]http.Header{
		"a bearer token":                      {"Authorization": {"Bearer " + token}},
		"a bearer token in any case":          {"Authorization": {"bearer  " + token + " "}},
		"an SDK's key":                        {"X-Vital-Api-Key": {token}},
		"the other token, during a rotation":  {"X-Vital-Api-Key": {"another-token-for-tests"}},
		"a good one beside a bad one":         {"Authorization": {"Bearer not-the-right-token", "Bearer " + token}},
		"a good key beside a bad bearer":      {"Authorization": {"Bearer not-the-right-token"}, "X-Vital-Api-Key": {token}},
		"a good bearer beside another scheme": {"Authorization": {"Basic abc", "Bearer " + token}},
	} {
		if _, err := g.Admit(t.Context(), auth.Call{Header: h}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, h := range map[string]http.Header{
		"none":                        {},
		"empty":                       {"Authorization": {"Bearer "}, "X-Vital-Api-Key": {""}},
		"another scheme":              {"Authorization": {"Basic " + token}},
		"no scheme":                   {"Authorization": {token}},
		"a wrong one":                 {"X-Vital-Api-Key": {token[:len(token)-1] + "2"}},
		"a prefix":                    {"X-Vital-Api-Key": {token[:len(token)-1]}},
		"a longer one":                {"X-Vital-Api-Key": {token + "1"}},
		"in another case":             {"X-Vital-Api-Key": {strings.ToUpper(token)}},
		"two joined":                  {"X-Vital-Api-Key": {token + "," + token}},
		"a huge one":                  {"X-Vital-Api-Key": {strings.Repeat(token, 1000)}},
		"the team key, which is none": {"X-Vital-Api-Key": {"sk_us_a_team_key_for_tests"}},
		"a webhook secret":            {"X-Vital-Api-Key": {first}},
	} {
		if _, err := g.Admit(t.Context(), auth.Call{Header: h}); code(err) != result.Unauthenticated {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnyOneOfTheWaysSufficesAndOnlyThoseSwitchedOnCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		signed := sign(t, "Svix-", first, time.Now(), body)
		for ways, lets := range map[string]string{
			"signature": "signed", "token": "token", "iam": "iam", "signature,token": "signed token", "token,iam": "token iam",
			"signature,iam": "signed iam", "signature,token,iam": "signed token iam", "none": "signed token iam stranger",
		} {
			g := auth.New(strings.Split(ways, ","), both(t))
			for who, call := range map[string]auth.Call{
				"signed": hook(signed), "token": hook(http.Header{"X-Vital-Api-Key": {token}}),
				"iam": {IAM: true, Header: http.Header{}}, "stranger": hook(http.Header{}),
			} {
				if _, err := g.Admit(t.Context(), call); (err == nil) != strings.Contains(lets, who) {
					t.Errorf("%s before %s: %v", who, ways, err)
				}
			}
		}
	})
}

func TestWithNoSecretOfTheKindNobodyPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		short := "whsec_" + base64.StdEncoding.EncodeToString([]byte("fifteen bytes.."))
		for name, b := range map[string]*secrets{
			"none at all":            bundle(t, ``, ``),
			"empty ones":             bundle(t, `"","whsec_"`, `""`),
			"short ones":             bundle(t, strconv.Quote(short), `"fifteen-bytes.."`),
			"secrets without base64": bundle(t, `"whsec_%%%"`, `" "`),
		} {
			g := auth.New([]string{"signature", "token"}, b)
			for _, h := range []http.Header{
				{"X-Vital-Api-Key": {""}}, {"Authorization": {"Bearer "}}, {"X-Vital-Api-Key": {"fifteen-bytes.."}}, {"X-Vital-Api-Key": {"fifteen-bytes..."}},
				sign(t, "Svix-", first, time.Now(), body),
			} {
				if _, err := g.Admit(t.Context(), hook(h)); code(err) != result.Unauthenticated {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
		if weak := auth.Weak(bundle(t, `"","whsec_",`+strconv.Quote(short)+`,`+strconv.Quote(first), `"","short",`+strconv.Quote(token)).bundle); weak != 5 {
			t.Errorf("%d weak entries are counted, want 5", weak)
		}
	})
}

func TestASecretOutOfReachIsSaidSoButOnlyToOneWhoShowsSomething(t *testing.T) {
	down := &secrets{err: result.Fail(result.SecretUnavailable, "x")}
	g := auth.New([]string{"signature", "token", "iam"}, down)
	if _, err := g.Admit(t.Context(), hook(http.Header{"X-Vital-Api-Key": {token}})); code(err) != result.SecretUnavailable {
		t.Error(err)
	}
	if _, err := g.Admit(t.Context(), hook(http.Header{})); code(err) != result.Unauthenticated || down.reads != 1 {
		t.Errorf("%v after %d reads", err, down.reads)
	}
	if _, err := g.Admit(t.Context(), auth.Call{IAM: true}); err != nil {
		t.Error(err)
	}
}

func TestSignRefusesASecretThatCannotSign(t *testing.T) {
	for _, s := range []string{"", "whsec_", "whsec_%%%", "short"} {
		if _, err := auth.Sign(sensitive.New(s), "msg_1", time.Now(), nil); err == nil {
			t.Errorf("%q signs", s)
		}
	}
}

func ExampleSign() {
	headers, _ := auth.Sign(sensitive.New("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	fmt.Println(headers.Get("svix-signature"))
	// Output: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
}
