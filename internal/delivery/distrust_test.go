package delivery

import (
	"strconv"
	"testing"
	"time"

	aws "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func TestAStoredAnswerThatIsNotAnHTTPResponseCountsAsNone(t *testing.T) {
	for name, text := range map[string]string{
		"a word":                      `x`,
		"empty":                       ``,
		"null":                        `null`,
		"a string":                    `"x"`,
		"a list":                      `[200]`,
		"an empty object":             `{}`,
		"without a status":            `{"body":"{}"}`,
		"without a body":              `{"statusCode":200}`,
		"a status that is a string":   `{"statusCode":"200","body":"{}"}`,
		"a status that is not one":    `{"statusCode":7,"body":"{}"}`,
		"a body that is an object":    `{"statusCode":200,"body":{}}`,
		"a body that is null":         `{"statusCode":200,"body":null}`,
		"keys in another case":        `{"statuscode":200,"Body":"{}"}`,
		"headers that are a string":   `{"statusCode":200,"headers":"x","body":"{}"}`,
		"a body in base64":            `{"statusCode":200,"body":"x","isBase64Encoded":true}`,
		"a flag that is a string":     `{"statusCode":200,"body":"x","isBase64Encoded":"no"}`,
		"a field of another kind":     `{"statusCode":200,"body":"x","cookies":5}`,
		"two documents":               `{"statusCode":200,"body":"{}"}{}`,
		"a result that is not HTTP's": `{"success":true,"status":"completed"}`,
	} {
		t.Run(name, func(t *testing.T) {
			stores(t, func(t *testing.T, d memory, _ *time.Time) {
				if err := d.Remember(t.Context(), name, []byte(text)); err != nil {
					t.Fatal(err)
				}
				if got, err := d.Answer(t.Context(), name); got != nil || err == nil {
					t.Errorf("the answer is %q (%v), want none and an error for the log", got, err)
				}
			})
		})
	}
}

func TestAnHTTPResponseIsRememberedByteForByte(t *testing.T) {
	const answer = `{"statusCode":202,"headers":{"Cache-Control":"no-store"},"body":"{\"status\":\"queued\"}","isBase64Encoded":false}`
	stores(t, func(t *testing.T, d memory, _ *time.Time) {
		if err := d.Remember(t.Context(), "byte for byte", []byte(answer)); err != nil {
			t.Fatal(err)
		}
		if got, err := d.Answer(t.Context(), "byte for byte"); string(got) != answer || err != nil {
			t.Errorf("the answer is %s (%v)", got, err)
		}
	})
}

func expiry(after time.Duration) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(time.Now().Add(after).Unix(), 10)}
}

func TestAnAnswerFromTheFutureCountsAsNone(t *testing.T) {
	const answer = `{"statusCode":200,"body":"{}"}`
	d := newDynamo(t)
	for name, c := range map[string]struct {
		expires types.AttributeValue
		want    string
	}{
		"an hour from now":                 {expiry(time.Hour), answer},
		"stored by a clock a little ahead": {expiry(keepFor + 30*time.Second), answer},
		"longer than any is kept":          {expiry(keepFor + time.Hour), ""},
		"in ten years":                     {expiry(87_600 * time.Hour), ""},
		"beyond what a duration can hold":  {&types.AttributeValueMemberN{Value: "99999999999999999999"}, ""},
		"a fraction":                       {&types.AttributeValueMemberN{Value: "1.5"}, ""},
		"a string":                         {&types.AttributeValueMemberS{Value: "9999999999"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := engine.client.PutItem(t.Context(), &aws.PutItemInput{TableName: &d.name, Item: map[string]types.AttributeValue{
				"pk": key(name), "answer": &types.AttributeValueMemberS{Value: answer}, "expires_at": c.expires,
			}})
			if err != nil {
				t.Fatal(err)
			}
			if got, err := d.Answer(t.Context(), name); string(got) != c.want || err != nil {
				t.Errorf("the answer is %q (%v), want %q", got, err, c.want)
			}
		})
	}
}
