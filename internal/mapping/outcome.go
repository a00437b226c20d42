package mapping

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// serve hands a batch to the function, and deletes what it is done with.
func serve(ctx context.Context, source Source, invoke Invoke, batch []item) Outcome {
	var out Outcome
	for _, one := range batch {
		out.Messages = append(out.Messages, one.Message)
	}
	var back map[string]bool
	answer, err := invoke(ctx, event(batch))
	if err == nil {
		back, err = failures(answer, out.Messages)
	}
	if err != nil {
		out.Back, out.Err = out.Messages, err
		return out
	}
	var done []Message
	for _, m := range out.Messages {
		if back[m.ID] {
			out.Back = append(out.Back, m)
		} else {
			done = append(done, m)
		}
	}
	var faults []error
	for few := range slices.Chunk(done, maxReceive) {
		if err := source.Delete(ctx, few); err != nil {
			faults, out.Back = append(faults, fmt.Errorf("delete: %w", err)), append(out.Back, few...)
		}
	}
	out.Err = errors.Join(faults...)
	return out
}

// failures returns the IDs that a partial batch response lists. An error is what Lambda takes for the
// failure of the whole batch: a response that is not JSON or no object, and an itemIdentifier that is
// empty, null, absent (under another name), or not of the batch. No response, null, and one without a
// list are the success of the whole batch.
func failures(answer []byte, batch []Message) (map[string]bool, error) {
	if len(bytes.TrimSpace(answer)) == 0 {
		return nil, nil
	}
	var response map[string]json.RawMessage // and not a struct, which takes keys in any case
	if json.Unmarshal(answer, &response) != nil {
		return nil, errors.New("the answer is no JSON object")
	}
	var items []map[string]json.RawMessage
	if list := response["batchItemFailures"]; list != nil && json.Unmarshal(list, &items) != nil {
		return nil, errors.New("batchItemFailures is no list of objects")
	}
	known := make(map[string]bool, len(batch))
	for _, m := range batch {
		known[m.ID] = true
	}
	failed := make(map[string]bool, len(items))
	for _, one := range items {
		var id string
		if json.Unmarshal(one["itemIdentifier"], &id) != nil || id == "" {
			return nil, errors.New("batchItemFailures has an item without itemIdentifier")
		}
		if !known[id] {
			return nil, errors.New("batchItemFailures has an itemIdentifier that is not of the batch")
		}
		failed[id] = true
	}
	return failed, nil
}
