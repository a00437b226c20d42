package junction_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/result"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

// escapedKey is the key with each character in JSON's \u form.
var escapedKey = func() string {
	var b strings.Builder
	for _, r := range key {
		fmt.Fprintf(&b, `\u%04x`, r)
	}
	return b.String()
}()

func TestA422sDetailIsPassedOnWithoutTheKey(t *testing.T) {
	for name, c := range map[string]struct{ detail, want string }{ // want "" is the detail as it is
		"a text":                 {`"bad ` + key + `!"`, `"bad [redacted]!"`},
		"escaped letters":        {`"bad ` + escapedKey + `!"`, `"bad [redacted]!"`},
		"one escaped letter":     {`"\u0073` + key[1:] + `"`, `"[redacted]"`},
		"capital letters":        {`"` + strings.ToUpper(key) + `"`, `"[redacted]"`},
		"an object's key":        {`{"` + escapedKey + `":1}`, `{"[redacted]":1}`},
		"a key that comes twice": {`{"a":"` + key + `","a":"x"}`, `{"a":"x"}`},
		"deep in it":             {`[{"loc":["query",{"x":["` + escapedKey + `"]}],"msg":"x"}]`, `[{"loc":["query",{"x":["[redacted]"]}],"msg":"x"}]`},
		"nothing to hide":        {`[{"ctx":{"n":12345678901234567890.5e3,"t":true,"z":null},"loc":["<&>é "]}]`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, f := refresh(t, serve(t, answer(422, `{"detail":`+c.detail+`}`)))
			if f == nil || f.Code != result.UpstreamInvalidRequest {
				t.Fatalf("%+v", f)
			}
			want := c.want
			if want == "" {
				want = c.detail
			}
			if diff := cmp.Diff(want, string(f.Detail)); diff != "" {
				t.Errorf("detail (-want +got):\n%s", diff)
			}
		})
	}
}

func TestADetailIsNotPassedOnIfItIsLongOnceItIsEncoded(t *testing.T) {
	raw := strings.Repeat("\xff", 20<<10) // each becomes the 3 bytes of U+FFFD
	if _, f := refresh(t, serve(t, answer(422, `{"detail":"`+raw+`"}`))); f == nil || f.Detail != nil {
		t.Errorf("a detail of %d bytes", len(f.Detail))
	}
}

func TestAKeyOfDigitsIsNotPassedOnAsANumber(t *testing.T) {
	c := serve(t, answer(422, `{"detail":[1234567890123,123456789012]}`))
	_, err := c.Refresh(t.Context(), sensitive.New("123456789012"), user, 5)
	if got := string(result.AsFailure(err).Detail); got != `["[redacted]3","[redacted]"]` {
		t.Errorf("detail %s", got)
	}
}

func TestTheKeyIsRemovedFromTextsAndNames(t *testing.T) {
	for name, echo := range map[string]string{
		"as it is": key, "escaped": escapedKey, "in capital letters": strings.ToUpper(key), "within a name": "oura/" + key + "/x",
	} {
		t.Run(name, func(t *testing.T) {
			lists := `"refreshed_sources":["` + echo + `"],"in_progress_sources":["` + echo + `"],"failed_sources":["` + echo + `"]`
			got, _ := refresh(t, serve(t, answer(200, `{"success":true,"user_id":"`+user+`",`+lists+`}`)))
			_, f := refresh(t, serve(t, answer(400, `{"success":false,"user_id":"`+user+`","error":"`+echo+`",`+lists+`}`)))
			all := strings.ToLower(fmt.Sprintf("%+v %+v", got, *f))
			if strings.Contains(all, key) || !strings.Contains(f.Text(), "[redacted]") {
				t.Error(all)
			}
		})
	}
}

func TestNamesHaveNoCharactersThatCannotBePrinted(t *testing.T) {
	for name, invisible := range map[string]string{
		"NUL": `\u0000`, "a tab": `\t`, "a line break": `\n`, "an escape": `\u001b[2J`, "a soft hyphen": `\u00ad`, "a space of no width": `\u200b`, "right to left": `\u202e`,
	} {
		t.Run(name, func(t *testing.T) {
			lists := `"refreshed_sources":["oura/` + invisible + `sleep","` + key[:4] + invisible + key[4:] + `"]`
			got, f := refresh(t, serve(t, answer(200, `{"success":true,"user_id":"`+user+`",`+lists+`}`)))
			if f != nil {
				t.Fatal(f)
			}
			for _, name := range got.Refreshed {
				if strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) || strings.Contains(name, key) {
					t.Errorf("the name is %q", name)
				}
			}
		})
	}
}

func TestATotalOfMoreThanTenMillionUsersIsRejected(t *testing.T) {
	for name, c := range map[string]struct {
		total string
		ok    bool
	}{"ten million": {"10000000", true}, "one more": {"10000001", false}, "a billion": {"1000000000", false}, "more than an int": {"1e30", false}} {
		t.Run(name, func(t *testing.T) {
			_, err := serve(t, answer(200, `{"users":[],"total":`+c.total+`}`)).List(t.Context(), sensitive.New(key), 0, 1)
			if c.ok && err != nil || !c.ok && result.AsFailure(err).Code != result.UpstreamInvalidResponse {
				t.Errorf("error %v", err)
			}
		})
	}
}
