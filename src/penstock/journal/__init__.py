"""The durable record: row format, writer, reader, partitions, signed heads."""
