package document_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/document"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

func TestADocumentSaysHowOldAResultMayBe(t *testing.T) {
	for name, c := range map[string]struct {
		maxAge string // JSON; "" if the document has none
		want   *time.Duration
	}{
		"it does not say":        {"", nil},
		"null":                   {`null`, nil},
		"a number":               {`900`, new(15 * time.Minute)},
		"a numeric string":       {`"900"`, new(15 * time.Minute)},
		"a string with spaces":   {`" 900 "`, new(15 * time.Minute)},
		"a fraction":             {`0.5`, new(500 * time.Millisecond)},
		"a fraction as a string": {`"1.29"`, new(1290 * time.Millisecond)},
		"an exponent":            {`9e2`, new(15 * time.Minute)},
		"0":                      {`0`, new(time.Duration(0))},
		"minus 0":                {`-0`, new(time.Duration(0))},
		"an hour":                {`3600`, new(time.Hour)},
		"an hour as a string":    {`"3600"`, new(time.Hour)},
	} {
		t.Run(name, func(t *testing.T) {
			for selector, want := range map[string]document.Document{
				`"user_id":"` + user + `"`:    {Users: []result.User{{ID: user}}},
				`"client_user_id":"app"`:      {Users: []result.User{{ClientUserID: "app"}}},
				`"user_ids":["` + user + `"]`: {Users: []result.User{{ID: user}}, Many: true},
				`"all_users":true`:            {Many: true, All: true},
			} {
				raw := `{` + selector + `}`
				if c.maxAge != "" {
					raw = `{` + selector + `,"max_age":` + c.maxAge + `}`
				}
				got, err := newQueueReader().Read([]byte(raw))
				if err != nil {
					t.Fatalf("%s: %v", raw, err)
				}
				want.Timeout, want.MaxAge = 10, c.want
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s is read wrong (-want +got):\n%s", raw, diff)
				}
			}
		})
	}
}

func TestAnUnusableMaxAgeIsRefused(t *testing.T) {
	for name, maxAge := range map[string]string{
		"just over an hour":   `3600.001`,
		"a day":               `86400`,
		"a day as a string":   `"86400"`,
		"more than a float":   `1e309`,
		"negative":            `-1`,
		"negative fraction":   `-0.001`,
		"negative, a string":  `"-1"`,
		"NaN":                 `"NaN"`,
		"infinite":            `"inf"`,
		"hexadecimal":         `"0x10"`,
		"a duration":          `"15m"`,
		"an empty string":     `""`,
		"a boolean":           `true`,
		"a list":              `[900]`,
		"an object":           `{}`,
		"two values in words": `"900 900"`,
	} {
		t.Run(name, func(t *testing.T) {
			raw := `{"user_id":"` + user + `","max_age":` + maxAge + `}`
			for header, read := range map[string]func([]byte) (document.Document, error){"none": newReader().Read, "Svix's": newReader().ReadSvix} {
				d, err := read([]byte(raw))
				f := refusal(t, err)
				if f.Status() != http.StatusUnprocessableEntity || f.Text() != "max_age is not a number of seconds from 0 to 3600" {
					t.Errorf("with headers %s: %d %s", header, f.Status(), f.Text())
				}
				if diff := cmp.Diff(document.Document{}, d); diff != "" {
					t.Errorf("with headers %s it is read all the same (-want +got):\n%s", header, diff)
				}
			}
		})
	}
}

func TestAMessageCarriesTheMaxAge(t *testing.T) {
	for name, c := range map[string]struct {
		maxAge *time.Duration
		want   string // in the message
	}{
		"none":       {nil, ``},
		"0":          {new(time.Duration(0)), `"max_age":0,`},
		"15 minutes": {new(15 * time.Minute), `"max_age":900,`},
		"a fraction": {new(1290 * time.Millisecond), `"max_age":1.29,`},
	} {
		t.Run(name, func(t *testing.T) {
			one := document.Document{Users: []result.User{{ID: user}}, Timeout: 30, MaxAge: c.maxAge}
			all := document.Document{Many: true, All: true, Timeout: 30, MaxAge: c.maxAge}
			from := document.Origin{Trigger: document.Direct}
			got := append(bodies(one.Messages(from)), bodies(all.PageMessages(from, 1))...)
			want := []string{
				`{"user_id":"` + user + `","timeout":30,` + c.want + `"trigger":"direct"}`,
				`{"all_users":true,"offset":0,"limit":500,"timeout":30,` + c.want + `"trigger":"direct"}`,
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("other messages are written (-want +got):\n%s", diff)
			}
			for _, body := range got {
				read, err := newQueueReader().ReadMessage(body)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(c.maxAge, read.MaxAge); diff != "" {
					t.Errorf("the max_age of %s is read back wrong (-want +got):\n%s", body, diff)
				}
			}
		})
	}
}

func TestMaxAgesOfWholeHundredthsAreReadBackAsTheyWereWritten(t *testing.T) {
	for n := range 36_000 {
		age := time.Duration(n) * 10 * time.Millisecond
		m := document.Document{Users: []result.User{{ID: user}}, MaxAge: &age}.Messages(document.Origin{})[0]
		got, err := newReader().ReadMessage(m.Body())
		if err != nil || *got.MaxAge != age {
			t.Fatalf("%v is read back as %v, error %v", age, got.MaxAge, err)
		}
	}
}
