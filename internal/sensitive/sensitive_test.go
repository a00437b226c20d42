package sensitive_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

const text = "sk_us_do_not_print"

// holder has secrets in all kinds of fields.
type holder struct {
	key     sensitive.String
	Key     sensitive.String
	pointer *sensitive.String
}

func newHolder() holder {
	secret := sensitive.New(text)
	return holder{key: secret, Key: secret, pointer: &secret}
}

// wantHidden fails the test if the text is in what was printed, plainly or in hexadecimal.
func wantHidden(t *testing.T, printed string) {
	t.Helper()
	for _, form := range []string{text, fmt.Sprintf("%x", text), fmt.Sprintf("%X", text)} {
		if strings.Contains(printed, form) {
			t.Errorf("the secret is printed as %q", printed)
		}
	}
}

func TestNoWayOfPrintingShowsTheText(t *testing.T) {
	h := newHolder()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T", "%p"} {
		t.Run(verb, func(t *testing.T) {
			for _, value := range []any{h.Key, &h.Key, h, &h, []any{h}} {
				wantHidden(t, fmt.Sprintf(verb, value))
			}
		})
	}
	t.Run("String", func(t *testing.T) { wantHidden(t, h.Key.String()) })
	for name, newHandler := range map[string]func(*bytes.Buffer) slog.Handler{
		"slog as JSON": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
		"slog as text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			slog.New(newHandler(&log)).Info("x", "secret", h.Key, "holder", h, "pointer", h.pointer)
			wantHidden(t, log.String())
		})
	}
	t.Run("JSON", func(t *testing.T) {
		encoded, err := json.Marshal(h)
		if want := `{"Key":"[redacted]"}`; err != nil || string(encoded) != want {
			t.Errorf("%s and error %v, want %s", encoded, err, want)
		}
	})
}

func TestEqual(t *testing.T) {
	for _, c := range []struct {
		name string
		a, b sensitive.String
		want bool
	}{
		{"the same text", sensitive.New(text), sensitive.New(text), true},
		{"another text", sensitive.New(text), sensitive.New("other"), false},
		{"a part of the text", sensitive.New(text), sensitive.New(text[:5]), false},
		{"the zero value and the empty text", sensitive.String{}, sensitive.New(""), true},
		{"the zero value and a text", sensitive.String{}, sensitive.New(text), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.a.Equal(c.b); got != c.want {
				t.Errorf("got %t, want %t", got, c.want)
			}
		})
	}
}

func TestRedact(t *testing.T) {
	if got, want := sensitive.New(text).Redact("bad key "+text+", "+text+"!"), "bad key [redacted], [redacted]!"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := (sensitive.String{}).Redact("text"); got != "text" {
		t.Errorf("the empty secret changed the text to %q", got)
	}
}

func TestUnmarshalText(t *testing.T) {
	var s sensitive.String
	if !s.Empty() {
		t.Error("the zero value is not empty")
	}
	if err := s.UnmarshalText([]byte(text)); err != nil || s.Reveal() != text || s.Empty() {
		t.Errorf("revealed %q, empty %t, error %v", s.Reveal(), s.Empty(), err)
	}
}
