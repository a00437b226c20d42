package document_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/junction-refresh/junction-refresh/internal/document"
)

func TestAnUnusableDocumentIsRefused(t *testing.T) {
	const (
		quoted = `"` + user + `"`

		malformed     = http.StatusBadRequest
		unprocessable = http.StatusUnprocessableEntity
	)
	for name, c := range map[string]struct {
		raw    string
		status int
	}{
		"empty":                     {``, malformed},
		"null":                      {`null`, malformed},
		"a list":                    {`[]`, malformed},
		"a string":                  {`"x"`, malformed},
		"truncated":                 {`{"user_id":`, malformed},
		"names no user":             {`{}`, malformed},
		"a key in another case":     {`{"USER_ID":` + quoted + `}`, malformed},
		"user_ids and user_id":      {`{"user_ids":[` + quoted + `],"user_id":` + quoted + `}`, malformed},
		"user_ids and client ID":    {`{"user_ids":[` + quoted + `],"client_user_id":"x"}`, malformed},
		"all_users and user_id":     {`{"all_users":true,"user_id":` + quoted + `}`, malformed},
		"all_users without a queue": {`{"all_users":true}`, malformed},
		"all_users is false":        {`{"all_users":false}`, unprocessable},

		"user_id is not a UUID":      {`{"user_id":"x"}`, unprocessable},
		"user_id is empty":           {`{"user_id":""}`, unprocessable},
		"user_id is a number":        {`{"user_id":7}`, unprocessable},
		"user_id in braces":          {`{"user_id":"{` + user + `}"}`, unprocessable},
		"user_id without hyphens":    {`{"user_id":"1449752e0d8a40e0920691ab099b2537"}`, unprocessable},
		"user_id climbs a path":      {`{"user_id":"../../../../../../../../../../../x/y"}`, unprocessable},
		"data.user_id is not a UUID": {`{"data":{"user_id":"x"}}`, unprocessable},
		"data.user_id is an object":  {`{"data":{"user_id":{}}}`, unprocessable},
		"user_ids is empty":          {`{"user_ids":[]}`, unprocessable},
		"user_ids is a string":       {`{"user_ids":"x"}`, unprocessable},
		"user_ids has one bad ID":    {`{"user_ids":[` + quoted + `,"x"]}`, unprocessable},
		"user_ids has a null":        {`{"user_ids":[` + quoted + `,null]}`, unprocessable},
		"user_ids has a number":      {`{"user_ids":[` + quoted + `,7]}`, unprocessable},
		"client_user_id is empty":    {`{"client_user_id":""}`, unprocessable},
		"client_user_id is two dots": {`{"client_user_id":".."}`, unprocessable},
		"client_user_id is a dot":    {`{"client_user_id":"."}`, unprocessable},
		"client_user_id is a number": {`{"client_user_id":42}`, unprocessable},
		"client_user_id has a NUL":   {`{"client_user_id":"a\u0000b"}`, unprocessable},
		"client_user_id has U+FFFF":  {`{"client_user_id":"a\uffffb"}`, unprocessable},
		"client_user_id is too long": {`{"client_user_id":"` + strings.Repeat("x", 1025) + `"}`, unprocessable},
		"timeout is NaN":             {`{"user_id":` + quoted + `,"timeout":"NaN"}`, unprocessable},
		"timeout is infinite":        {`{"user_id":` + quoted + `,"timeout":"inf"}`, unprocessable},
		"timeout is too large":       {`{"user_id":` + quoted + `,"timeout":1e309}`, unprocessable},
		"timeout is hexadecimal":     {`{"user_id":` + quoted + `,"timeout":"0x1p3"}`, unprocessable},
		"timeout is an empty string": {`{"user_id":` + quoted + `,"timeout":""}`, unprocessable},
		"timeout is a word":          {`{"user_id":` + quoted + `,"timeout":"soon"}`, unprocessable},
		"timeout is a boolean":       {`{"user_id":` + quoted + `,"timeout":true}`, unprocessable},
		"timeout is a list":          {`{"user_id":` + quoted + `,"timeout":[30]}`, unprocessable},
		"the document is over 1 MiB": {`{"user_id":` + quoted + `,"x":"` + strings.Repeat("x", 1<<20) + `"}`, http.StatusRequestEntityTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReader()
			for header, read := range map[string]func([]byte) (document.Document, error){"none": r.Read, "Svix's": r.ReadSvix} {
				_, err := read([]byte(c.raw))
				if got := refusal(t, err).Status(); got != c.status {
					t.Errorf("with headers %s the status is %d, want %d", header, got, c.status)
				}
			}
		})
	}
}

func TestAnUnusablePageIsRefused(t *testing.T) {
	for name, page := range map[string]string{
		"a negative offset":      `"offset":-1`,
		"an offset as a string":  `"offset":"0"`,
		"a fraction as offset":   `"offset":0.5`,
		"an offset beyond teams": `"offset":1000000001`,
		"a limit over 500":       `"offset":0,"limit":501`,
		"a limit of 0":           `"offset":0,"limit":0`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := newQueueReader().Read([]byte(`{"all_users":true,` + page + `}`))
			if got := refusal(t, err).Status(); got != http.StatusUnprocessableEntity {
				t.Errorf("the status is %d, want 422", got)
			}
		})
	}
}

func TestADocumentThatNamesNoUserIsToldItsKeysAndNotItsValues(t *testing.T) {
	for name, c := range map[string]struct{ raw, shown string }{
		"its keys":                {`{"email":"someone@example.com","a_private_key":1}`, "seen: a_private_key, email"},
		"the keys that are known": {`{"email":"someone@example.com"}`, "user_id, client_user_id, user_ids, all_users"},
		"the paths that are read": {`{"email":"someone@example.com"}`, "user_id, data.user_id, detail.user_id"},
		"that there is no key":    {`{}`, "seen: no key"},
		"ten keys at most":        {`{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"j":1,"k":1}`, "seen: a, b, c, d, e, f, g, h, i, j, …"},
		"the start of a long key": {`{"` + strings.Repeat("é", 30) + `":1}`, "seen: " + strings.Repeat("é", 20) + "…"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := newReader().Read([]byte(c.raw))
			f := refusal(t, err)
			if !strings.Contains(f.Shown, c.shown) {
				t.Errorf("the sender is told %q, want %q in it", f.Shown, c.shown)
			}
			if strings.Contains(f.Shown, "someone") {
				t.Errorf("the sender is told a value: %q", f.Shown)
			}
			if f.Message != "the document names no user" {
				t.Errorf("the log says %q", f.Message)
			}
		})
	}
}
