package outbox_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/outbox"
)

func TestPublishedMessagesAreDeletedWhileTheirBatchGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture()
		f.bus.rejects["user-1"] = true
		box := outbox.Open(t.Context(), inMinutes(), f.options())
		for _, id := range users(3) {
			box.Publish(f.item(id))
		}
		withoutMessage := f.item("user-3")
		withoutMessage.ReceiptHandle = ""
		box.Publish(withoutMessage)
		time.Sleep(5 * time.Second)
		published := []string{"handle-user-0", "handle-user-2"}
		if diff := cmp.Diff(published, f.deletedSoFar()); diff != "" {
			t.Errorf("other messages are deleted after 5 s (-want +got):\n%s", diff)
		}
		box.Publish(f.item("last"))
		box.Close()
		if diff := cmp.Diff(published, f.deletedSoFar()); diff != "" {
			t.Errorf("after the last result there is no batch that goes on (-want +got):\n%s", diff)
		}
	})
}

func TestWithoutAReceiptHandleNothingIsDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture()
		options := f.options()
		options.Delete = nil
		box := outbox.Open(t.Context(), inMinutes(), options)
		box.Publish(f.item("user-0"))
		time.Sleep(2 * time.Second) // published, and there is nothing to delete with
		box.Close()

		f = newFixture()
		box = outbox.Open(t.Context(), inMinutes(), f.options())
		item := f.item("user-0")
		item.ReceiptHandle = ""
		box.Publish(item)
		time.Sleep(2 * time.Second)
		box.Close()
		if f.deleted != nil {
			t.Errorf("%q are deleted", f.deleted)
		}
	})
}

func TestADeletionThatFailsFailsNoResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture()
		f.deletion = errors.New("ReceiptHandleIsInvalid")
		box := outbox.Open(t.Context(), inMinutes(), f.options())
		box.Publish(f.item("user-0"))
		time.Sleep(2 * time.Second)
		box.Close()
		if len(f.deleted) != 1 {
			t.Errorf("%q were to be deleted, want one message", f.deleted)
		}
		if len(f.failed) != 0 {
			t.Errorf("the results of %q have failed", f.failed)
		}
		if got := f.log.String(); !strings.Contains(got, "level=DEBUG") || !strings.Contains(got, "cause=ReceiptHandleIsInvalid") {
			t.Errorf("the failed deletion is logged as %q", got)
		}
	})
}
