package harness

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/quota"
	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/test/harness/dynamodb"
)

// startDynamoDB starts a DynamoDB and warms it until it keeps up: a Java that has just started does not answer a
// hundred callers within the function's 300 ms.
var startDynamoDB = sync.OnceValues(func() (string, error) {
	endpoint, stop, err := dynamodb.Start()
	if err != nil {
		return "", err
	}
	services.stopAtEnd(stop)
	const name, callers, inARow, within = "warm", 16, 50, time.Minute
	client := dynamodb.Client(endpoint)
	if err := dynamodb.CreateTable(context.Background(), client, name); err != nil {
		return "", err
	}
	gate := quota.NewDynamo(quota.Rules{Limit: 8, Window: time.Minute}, func() (quota.Table, error) { return client, nil }, name)
	var warming sync.WaitGroup
	for range callers {
		warming.Go(func() {
			for succeeded, began := 0, time.Now(); succeeded < inARow && time.Since(began) < within; succeeded++ {
				if _, err := gate.Enter(context.Background(), refresh.Entry{UserID: "user", Until: time.Now()}); err != nil {
					succeeded = 0
				}
			}
		})
	}
	warming.Wait()
	return endpoint, nil
})

// newTable makes a table of the test's own, and returns the variables that the function needs to use it.
func newTable(t *testing.T) map[string]string {
	t.Helper()
	needDynamoDBLocal(t)
	endpoint, err := startDynamoDB()
	if err != nil {
		Missing(t, err.Error())
	}
	name := strings.ReplaceAll(t.Name(), "/", "-")
	if err := dynamodb.CreateTable(t.Context(), dynamodb.Client(endpoint), name); err != nil {
		t.Fatal(err)
	}
	return map[string]string{"QUOTA_TABLE": name, "AWS_ENDPOINT_URL_DYNAMODB": endpoint}
}
