package document_test

import "testing"

func BenchmarkReadMessage(b *testing.B) {
	r := newReader()
	for name, body := range map[string]string{
		"a message of this function": `{"user_id":"` + user + `","timeout":30,"origin":{"trigger":"http-api","request_id":"of-the-caller"}}`,
		"an EventBridge envelope":    `{"detail-type":"x","source":"my.app","detail":{"user_id":"` + user + `","timeout":30}}`,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.ReadMessage(body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
