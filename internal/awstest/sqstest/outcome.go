package sqstest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
)

// process invokes the function with a batch and deletes the messages that it has processed.
func (m EventSourceMapping) process(ctx context.Context, batch []record) Outcome {
	var out Outcome
	for _, r := range batch {
		out.Messages = append(out.Messages, r.Message)
	}
	var failed map[string]bool
	answer, err := m.Function(ctx, event(batch))
	if err == nil {
		failed, err = failures(answer, out.Messages)
	}
	if err != nil {
		out.Remaining, out.Err = out.Messages, err
		return out
	}
	var processed []Message
	for _, message := range out.Messages {
		if failed[message.ID] {
			out.Remaining = append(out.Remaining, message)
		} else {
			processed = append(processed, message)
		}
	}
	var errs []error
	for messages := range slices.Chunk(processed, maxReceive) {
		var handles []string
		for _, message := range messages {
			handles = append(handles, message.ReceiptHandle)
		}
		if err := m.Source.DeleteMessages(ctx, handles); err != nil {
			errs, out.Remaining = append(errs, fmt.Errorf("delete: %w", err)), append(out.Remaining, messages...)
		}
	}
	out.Err = errors.Join(errs...)
	return out
}

// event returns the event of a batch.
func event(batch []record) []byte {
	records := make([][]byte, len(batch))
	for i, r := range batch {
		records[i] = r.json
	}
	return slices.Concat([]byte(awstest.SQSEventPrefix), bytes.Join(records, []byte(",")), []byte(awstest.SQSEventSuffix))
}

// failures returns the message IDs that a partial batch response lists. An error is what Lambda takes for
// the failure of the whole batch: a response that is not a JSON object, and an itemIdentifier that is
// empty, null, absent (or under another name), or not of the batch. No response, null, and one without a
// list are the success of the whole batch.
func failures(answer []byte, batch []Message) (map[string]bool, error) {
	if len(bytes.TrimSpace(answer)) == 0 {
		return nil, nil
	}
	var response map[string]json.RawMessage // and not a struct, whose keys would match in any case
	if json.Unmarshal(answer, &response) != nil {
		return nil, errors.New("the answer is not a JSON object")
	}
	var items []map[string]json.RawMessage
	if list := response["batchItemFailures"]; list != nil && json.Unmarshal(list, &items) != nil {
		return nil, errors.New("batchItemFailures is not a list of objects")
	}
	inBatch := make(map[string]bool, len(batch))
	for _, m := range batch {
		inBatch[m.ID] = true
	}
	failed := make(map[string]bool, len(items))
	for _, item := range items {
		var id string
		if json.Unmarshal(item["itemIdentifier"], &id) != nil || id == "" {
			return nil, errors.New("batchItemFailures has an item without itemIdentifier")
		}
		if !inBatch[id] {
			return nil, errors.New("batchItemFailures has an itemIdentifier that is not of the batch")
		}
		failed[id] = true
	}
	return failed, nil
}
