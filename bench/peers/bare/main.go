// Command bare is the smallest function that refreshes a user: aws-lambda-go, net/http and a key in the environment. It
// has no secret, no quota and no retries. The start and the first answer of the real function are compared with its.
package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
)

func main() { lambda.Start(refresh) }

func refresh(ctx context.Context, event struct {
	UserID string `json:"user_id"`
}) (json.RawMessage, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, os.Getenv("JUNCTION_BASE_URL")+"/v2/user/refresh/"+event.UserID+"?timeout=10", http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("X-Vital-Api-Key", os.Getenv("JUNCTION_API_KEY"))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	return io.ReadAll(resp.Body)
}
