"""what came back, and whom it was about."""

import sqlalchemy as sa
from alembic import op

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def upgrade() -> None:
    op.create_table(
        'returned',
        sa.Column('id', BIG, nullable=False),
        sa.Column('key', sa.String(), nullable=False),
        sa.Column('at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('source', sa.String(), nullable=False),
        sa.Column('kind', sa.String(), nullable=False),
        sa.Column('reason', sa.String(), nullable=False),
        sa.Column('raw', sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_returned')),
        sa.UniqueConstraint('key', name=op.f('uq_returned_key')),
        sqlite_autoincrement=True,
    )
    op.create_index('ix_returned_at', 'returned', ['at'])
    op.create_table(
        'returned_about',
        sa.Column('returned_id', BIG, nullable=False),
        sa.Column('place', sa.Integer(), nullable=False),
        sa.Column('subscriber_id', BIG, nullable=True),
        sa.Column('issue_id', sa.Integer(), nullable=True),
        sa.Column('domain', sa.String(), nullable=False),
        sa.Column('verdict', sa.String(), nullable=False),
        sa.Column('status', sa.String(), nullable=False),
        sa.Column('reason', sa.String(), nullable=False),
        sa.Column('evidence', sa.String(), nullable=False),
        sa.Column('proof', sa.String(), nullable=False),
        sa.Column('effect', sa.String(), nullable=False),
        sa.PrimaryKeyConstraint('returned_id', 'place', name=op.f('pk_returned_about')),
        sqlite_with_rowid=False,
    )
    op.create_index('ix_returned_about_subscriber_id', 'returned_about', ['subscriber_id'])
    op.create_index('ix_returned_about_issue_id', 'returned_about', ['issue_id'])


def downgrade() -> None:
    op.drop_table('returned_about')
    op.drop_table('returned')
