package receipt

import (
	"github.com/govmydata/mydata/pkg/consent"
)

// Export gives the receipt as a consent receipt of ISO/IEC TS 27560:2023 in
// JSON-LD (see consent.ExportRecord): a receipt identifier and the record whole.
// It proves nothing by itself; the digest and the hub's signature lead to the
// receipt that does. hub is the issuer of the hub that made it.
func (r Receipt) Export(hub string) (consent.Object, error) {
	record, err := r.ExportRecord(hub)
	if err != nil {
		return nil, err
	}
	digest, err := r.Digest()
	if err != nil {
		return nil, err
	}
	context := record["@context"]
	delete(record, "@context")
	return consent.Object{
		"@context": context, "@id": r.ID, "@type": []string{"dpv:ConsentReceipt"}, "dct:conformsTo": "dpv-27560:receipt-record",
		"dpv:hasIdentifier": r.ID, "dct:creator": hub, "dct:created": record["dct:modified"],
		"dct:hasPart":          record,
		"mydata:receiptDigest": digest, "mydata:record": r.Record,
	}, nil
}

// ExportRecord gives the consent record alone.
func (r Receipt) ExportRecord(hub string) (consent.Object, error) {
	events := make([]consent.Event, 0, len(r.Events))
	for _, e := range r.Events {
		events = append(events, e.Event)
	}
	return consent.ExportRecord(hub, r.Terms, events)
}
