//! The kinds of records in a batch.

shared_enum! {
    /// The kind of a record: the first of its items.
    pub enum RecordCode {
        /// `handle, payload`: an event of the main namespace.
        Event = 0,
        /// `handle, id, payload`: the same, to be acknowledged.
        EventWithAck = 1,
        /// `handle, id, payload`: an acknowledgement of the main namespace.
        Ack = 2,
        /// `handle, type, namespace, id | null, payload | null, first attachment, attachments`: any
        /// other packet.
        Packet = 3,
        /// `handle, message`: an undecodable packet.
        Refused = 4,
        /// `handle, reason, message | null, told`: the end of a session; unless the client has told it in a
        /// packet, all packets that came before are dispatched first.
        Closed = 5,
        /// `handle, value`: the body that answers the pending poll.
        Answer = 6,
        /// `handle, type, value`: an Engine.IO packet; binary messages have the type -1.
        EnginePacket = 7,
        /// `handle, note`.
        Note = 8,
        /// `stream, value`: bytes to write.
        StreamWrite = 9,
        /// `stream, abort, read, written`: a connection was closed; with `abort`, unwritten bytes are
        /// dropped.
        StreamEnd = 10,
        /// `stream`: its input has been taken.
        StreamTaken = 11,
        /// `listener, handle, websocket, id, address, shared | index, own`: a listener has opened a
        /// session. The index is that of an equal string among the items of the batch.
        Opened = 12,
        /// `listener, descriptor, value, handle | -1`: a connection with the bytes that were read of it,
        /// and the session that its next request names.
        Handover = 13,
        /// `listener`: its last connection has ended.
        ListenerDrained = 14,
        /// `handle, probe, value`: a packet for a WebSocket that JavaScript serves. Text is encoded,
        /// bytes are in no form yet.
        Frame = 15,
        /// `handle`: the place of an event that JavaScript knows already.
        Place = 16,
    }
}

impl RecordCode {
    /// Number of items of a record, with its code.
    pub const fn length(self) -> usize {
        match self {
            Self::StreamTaken | Self::ListenerDrained | Self::Place => 2,
            Self::Event | Self::Refused | Self::Answer | Self::Note | Self::StreamWrite => 3,
            Self::EventWithAck | Self::Ack | Self::EnginePacket | Self::Frame => 4,
            Self::Closed | Self::StreamEnd | Self::Handover => 5,
            Self::Packet | Self::Opened => 8,
        }
    }
}
