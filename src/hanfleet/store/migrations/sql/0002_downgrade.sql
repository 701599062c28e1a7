-- What was imported stays; that it was imported is forgotten, so it cannot be taken back any more.
DROP TABLE imported, imports;
