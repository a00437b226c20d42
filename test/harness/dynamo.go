package harness

import (
	"context"
	"sync"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/quota"
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
				if _, err := gate.Enter(context.Background(), "user", time.Now()); err != nil {
					succeeded = 0
				}
			}
		})
	}
	warming.Wait()
	return endpoint, nil
})
